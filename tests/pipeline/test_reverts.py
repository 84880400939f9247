"""Putting back what ran before: with its evidence, in its time, and later where that was not enough."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain import keys
from chalicelib.domain.chores import ChoreKind
from chalicelib.domain.deploys import DeployState
from chalicelib.domain.runs import Outcome, Run
from chalicelib.ports.store import all_of, get_one
from tests.simulation.world import FILES, World
from tests.simulation.world import digest_of as digest


def test_a_deploy_that_is_never_healthy_is_put_back_with_its_evidence(world: World) -> None:
    first = world.deploy()
    second = world.deploy_unhealthy()
    deploy = get_one(world.store, keys.deploy(world.service.id, 2))
    assert second.failure is not None and second.failure.code == "health_check_failed"
    assert "answered 500" in second.failure.message
    assert "web | boom" in second.failure.evidence
    assert deploy is not None and deploy.state is DeployState.FAILED and deploy.failure == second.failure
    lane = world.lane()
    assert lane.active is not None and lane.active.deploy == 1
    assert world.engines.cluster.running(world.service.id)["web"] == digest(world, first)


def test_a_revert_puts_the_catalogs_entry_back_too(world: World) -> None:
    first = world.deploy()
    world.engines.catalog.entries.clear()
    world.deploy_unhealthy()
    assert world.engines.catalog.entries[world.service.id].meta["ancla-commit"] == first.facts["commit"]


def test_a_first_deploy_that_fails_leaves_nothing_in_the_cluster(world: World) -> None:
    run = world.deploy_unhealthy()
    world.advance(300)
    assert run.outcome is Outcome.FAILED
    assert world.engines.cluster.objects == {}
    assert world.engines.catalog.entries == {}


def test_a_certain_failure_is_not_waited_out(world: World) -> None:
    commit = world.push(FILES)
    world.engines.cluster.crashing.add(world.digest_of_commit(commit))
    began = world.clock.now()
    run = world.accept().run
    assert run is not None
    world.settle()
    failure = world.run(run.number).failure
    assert failure is not None and failure.code == "process_exited"
    assert world.clock.now() - began < timedelta(seconds=60)


def crash_while_the_cluster_is_away(world: World, *, ended_after: float) -> Run:
    """A deploy whose roll-out nobody can look at for 40 s, and whose process ended last so many seconds after its beginning."""
    commit, cluster = world.push(FILES), world.engines.cluster
    cluster.crashing.add(world.digest_of_commit(commit))
    cluster.away_until = world.clock.now() + timedelta(seconds=40)
    cluster.ended_at = world.clock.now() + timedelta(seconds=ended_after)
    accepted = world.accept()
    world.advance(90)
    cluster.crashing.clear()  # the node has started it again
    return world.ended(accepted)


def test_that_a_process_ended_while_the_cluster_was_away_is_not_held_against_it(world: World) -> None:
    assert crash_while_the_cluster_is_away(world, ended_after=20).outcome is Outcome.SUCCEEDED


def test_a_process_that_ends_when_the_cluster_is_back_fails_for_certain(world: World) -> None:
    failure = crash_while_the_cluster_is_away(world, ended_after=80).failure
    assert failure is not None and failure.code == "process_exited"


def fail_beyond_its_time(world: World) -> Run:
    """A deploy that fails while nothing in the cluster gets ready, neither it nor what ran before."""
    world.engines.cluster.settles_again = world.clock.now() + timedelta(minutes=20)
    world.push({**FILES, "VERSION": "late"})
    return world.ended(world.accept())


def test_a_revert_that_takes_too_long_ends_the_run_and_is_gone_on_with(world: World) -> None:
    first = world.deploy()
    ended = fail_beyond_its_time(world)
    assert ended.failure is not None and "goes on in the background" in ended.failure.message
    world.engines.catalog.entries.clear()
    world.advance(3600)
    assert world.service.id in world.engines.catalog.entries
    assert world.engines.cluster.running(world.service.id)["web"] == digest(world, first)
    assert len(world.engines.cluster.list_anchors("ancla-acme", world.service.id)) == 1
    assert open_chores(world) == [ChoreKind.RENEW]


def test_what_runs_is_put_back_even_if_a_later_run_ends_before_it_moved_anything(world: World) -> None:
    first = world.deploy()
    world.engines.cluster.settles_again = world.clock.now() + timedelta(minutes=60)
    world.push({**FILES, "VERSION": "late"})
    world.ended(world.accept())
    world.engines.builder.broken.add(world.push({**FILES, "VERSION": "broken"}))
    world.ended(world.accept())
    world.advance(3600 * 2)
    assert world.run(3).outcome is Outcome.FAILED
    assert world.engines.cluster.running(world.service.id)["web"] == digest(world, first)
    assert len(world.engines.cluster.list_anchors("ancla-acme", world.service.id)) == 1
    assert open_chores(world) == [ChoreKind.RENEW]


def test_a_process_type_that_only_the_failed_deploy_had_goes(world: World) -> None:
    world.deploy()
    commit = world.push({"Procfile": FILES["Procfile"] + "clock: python clock.py\n"})
    world.engines.cluster.crashing.add(world.digest_of_commit(commit))
    world.ended(world.accept())
    world.advance(300)
    assert set(world.engines.cluster.running(world.service.id)) == {"web", "worker"}


def test_a_process_type_that_only_the_failed_deploy_had_goes_even_if_the_revert_came_late(world: World) -> None:
    world.deploy()
    world.engines.cluster.settles_again = world.clock.now() + timedelta(minutes=20)
    world.push({"Procfile": FILES["Procfile"] + "clock: python clock.py\n"})
    world.ended(world.accept())
    world.advance(3600)
    assert set(world.engines.cluster.running(world.service.id)) == {"web", "worker"}


def open_chores(world: World) -> list[ChoreKind]:
    chores = all_of(world.store, f"OF#{world.service.id}", "CHORE#")
    return [chore.kind for chore in chores]


def test_a_follower_reads_what_a_roll_out_waits_for_while_it_waits(world: World) -> None:
    run = world.deploy_unhealthy()
    told = world.log_of(run).splitlines()
    assert told.count("waiting for web: GET /_health/ answered 500") == 1
    assert told.index("waiting for web: GET /_health/ answered 500") < next(i for i, line in enumerate(told) if line.startswith("failed"))
