"""One service's runs in virtual time: what each kind does, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain import keys
from chalicelib.domain.builds import BuildState
from chalicelib.domain.deploys import DeployState
from chalicelib.domain.runs import Outcome, RunKind, Stage
from chalicelib.ports.store import get_one
from tests.simulation.world import FILES, World
from tests.simulation.world import digest_of as digest

WITH_RELEASE = {"Procfile": "web: python server.py\nrelease: python migrate.py\n"}


@pytest.fixture
def world() -> World:
    return World()


def test_a_deploy_builds_freezes_rolls_out_and_becomes_active(world: World) -> None:
    run = world.deploy()
    lane = world.lane()
    assert run.outcome is Outcome.SUCCEEDED
    assert lane.active is not None and (lane.active.deploy, lane.active.build) == (1, 1)
    assert lane.running == 0
    assert world.engines.cluster.running(world.service.id) == {"web": digest(world, run), "worker": digest(world, run)}
    assert world.service.id in world.engines.catalog.entries
    assert world.log_of(run).endswith("deploy 1 is active\n")


def test_what_runs_already_is_not_rolled_out_again(world: World) -> None:
    world.deploy()
    again = world.accept().run
    assert again is not None
    world.settle()
    ended = world.run(again.number)
    assert (ended.outcome, ended.outcome_detail) == (Outcome.UNCHANGED, "deploy 1 runs exactly this already")
    assert world.lane().deploys == 1
    assert len(world.engines.builder.jobs) == 1


def test_a_failed_build_never_reaches_the_cluster(world: World) -> None:
    first = world.deploy()
    commit = world.push({**FILES, "server.py": "oops"})
    world.engines.builder.broken.add(commit)
    run = world.accept().run
    assert run is not None
    world.settle()
    build = get_one(world.store, keys.build(world.service.id, 2))
    assert build is not None and build.state is BuildState.FAILED and build.error_code == "build_failed"
    assert world.run(run.number).outcome is Outcome.FAILED
    assert world.lane().deploys == 1
    assert world.engines.cluster.running(world.service.id)["web"] == digest(world, first)


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


def test_a_rollback_brings_back_the_same_snapshot_and_pins(world: World) -> None:
    first = world.deploy()
    world.deploy({**FILES, "VERSION": "2"})
    run = world.roll_back_to(1)
    lane = world.lane()
    assert run.outcome is Outcome.SUCCEEDED
    assert lane.active is not None and (lane.active.deploy, lane.active.snapshot) == (3, first.snapshot)
    assert lane.pinned_by == run.number


def test_a_push_to_a_pinned_service_is_kept_until_it_is_unpinned(world: World) -> None:
    world.deploy()
    world.deploy({**FILES, "VERSION": "2"})
    world.roll_back_to(1)
    commit = world.push({**FILES, "VERSION": "3"})
    assert world.accept_push(commit).held
    world.settle()
    lane = world.lane()
    assert lane.active is not None and lane.active.deploy == 3
    accepted = world.unpin()
    assert accepted is not None and accepted.run is not None
    world.settle()
    ended = world.run(accepted.run.number)
    assert ended.outcome is Outcome.SUCCEEDED and ended.facts["commit"] == commit
    assert world.lane().held is None


def test_a_rollback_that_fails_lifts_its_pin_and_takes_what_was_kept_back(world: World) -> None:
    world.deploy()
    world.deploy({**FILES, "VERSION": "2"})
    first = get_one(world.store, keys.deploy(world.service.id, 1))
    assert first is not None
    world.engines.cluster.unhealthy.add(digest(world, world.run(1)))
    accepted = world.accept(RunKind.ROLLBACK, snapshot=first.snapshot, rollback_to=1)
    commit = world.push({**FILES, "VERSION": "3"})
    assert world.accept_push(commit).held
    world.settle()
    lane = world.lane()
    assert accepted.run is not None and world.run(accepted.run.number).outcome is Outcome.FAILED
    assert lane.pinned_by == 0 and lane.held is None
    assert lane.active is not None and world.run(lane.active.run).facts["commit"] == commit


def test_a_deploy_by_hand_unpins_when_it_becomes_active_and_not_before(world: World) -> None:
    world.deploy()
    world.deploy({**FILES, "VERSION": "2"})
    world.roll_back_to(1)
    world.push({**FILES, "VERSION": "3"})
    world.accept()
    assert world.lane().pinned_by
    world.settle()
    assert not world.lane().pinned_by


def test_the_newest_of_five_deploys_is_the_one_that_is_active(world: World) -> None:
    world.engines.builder.duration = timedelta(seconds=60)
    runs = []
    for version in range(5):
        world.push({**FILES, "VERSION": str(version)})
        runs.append(world.accept().run)
        world.advance(0.2)
    world.settle()
    last = runs[-1]
    lane = world.lane()
    assert last is not None and lane.active is not None and lane.active.run == last.number
    assert [world.run(run.number).outcome for run in runs if run] == [Outcome.SUPERSEDED] * 4 + [Outcome.SUCCEEDED]


def test_the_build_of_a_superseded_deploy_is_cancelled_for_real(world: World) -> None:
    world.engines.builder.duration = timedelta(seconds=60)
    world.push()
    first = world.accept().run
    world.advance(5)
    world.push({**FILES, "VERSION": "2"})
    world.accept()
    world.settle()
    assert first is not None and first.build_id in world.engines.builder.cancelled
    build = get_one(world.store, keys.build(world.service.id, 1))
    assert build is not None and build.state is BuildState.SUPERSEDED


def test_a_config_change_right_behind_a_push_ends_live_with_it(world: World) -> None:
    world.deploy()
    commit = world.push({**FILES, "VERSION": "2"})
    world.accept_push(commit)
    world.set_variable("GREETING", "hello")
    change = world.accept(RunKind.CONFIG_ONLY).run
    world.settle()
    snapshot = world.active_snapshot()
    assert snapshot.commit == commit and snapshot.plain == {"GREETING": "hello"}
    assert change is not None and world.run(change.number).outcome in {Outcome.UNCHANGED, Outcome.SUCCEEDED}


def test_a_push_right_behind_a_config_change_ends_live_with_it(world: World) -> None:
    world.deploy()
    world.set_variable("GREETING", "hello")
    change = world.accept(RunKind.CONFIG_ONLY).run
    commit = world.push({**FILES, "VERSION": "2"})
    world.accept_push(commit)
    world.settle()
    snapshot = world.active_snapshot()
    assert snapshot.commit == commit and snapshot.plain == {"GREETING": "hello"}
    assert change is not None and world.run(change.number).finished


def test_a_waiting_change_is_included_in_a_stronger_run_that_came_after_it(world: World) -> None:
    world.deploy()
    world.engines.cluster.start = timedelta(seconds=30)
    world.push({**FILES, "VERSION": "2"})
    world.accept()
    world.advance(10)
    change = world.accept(RunKind.CONFIG_ONLY).run
    world.push({**FILES, "VERSION": "3"})
    world.accept()
    world.settle()
    assert change is not None
    ended = world.run(change.number)
    assert (ended.outcome, ended.outcome_detail) == (Outcome.INCLUDED, "included in deploy 3")


def test_a_change_asked_for_before_a_rollback_does_not_undo_it(world: World) -> None:
    first = world.deploy()
    world.engines.cluster.start = timedelta(seconds=30)
    world.push({**FILES, "VERSION": "2"})
    world.accept()
    world.advance(10)
    world.set_variable("GREETING", "hello")
    change = world.accept(RunKind.CONFIG_ONLY).run
    world.accept(RunKind.ROLLBACK, snapshot=first.snapshot, rollback_to=1)
    world.settle()
    lane = world.lane()
    assert lane.active is not None and lane.active.snapshot == first.snapshot
    assert change is not None and world.run(change.number).outcome is Outcome.SUPERSEDED


def test_the_release_command_runs_once_before_any_traffic_moves(world: World) -> None:
    run = world.deploy(WITH_RELEASE)
    assert run.outcome is Outcome.SUCCEEDED
    assert len(world.engines.cluster.released) == 1
    assert world.log_of(run).index("migrated") < world.log_of(run).index("rolling out")


def test_a_release_command_that_was_cut_off_is_not_run_again(world: World) -> None:
    first = world.deploy()
    world.engines.cluster.release_takes = timedelta(seconds=60)
    world.push(WITH_RELEASE)
    run = world.accept().run
    world.advance(20)
    world.engines.cluster.lose_pod(world.engines.cluster.released[0])
    world.settle()
    assert run is not None
    failure = world.run(run.number).failure
    assert failure is not None and failure.code == "release_lost"
    assert len(world.engines.cluster.released) == 1
    assert world.engines.cluster.running(world.service.id)["web"] == digest(world, first)


def test_counts_are_put_on_what_runs_without_a_deploy(world: World) -> None:
    world.deploy()
    world.put_service(process_counts={"web": 3, "worker": 0})
    run = world.accept(RunKind.SCALE).run
    world.settle()
    lane = world.lane()
    assert run is not None and world.run(run.number).outcome is Outcome.SUCCEEDED
    assert lane.deploys == 1 and lane.active is not None and dict(lane.active.counts) == {"web": 3, "worker": 0}
    assert lane.latest == 1


def test_a_build_alone_moves_nothing(world: World) -> None:
    world.push()
    run = world.accept(RunKind.BUILD_ONLY).run
    world.settle()
    assert run is not None and world.run(run.number).outcome is Outcome.SUCCEEDED
    assert world.lane().active is None and world.engines.cluster.objects == {}
    build = get_one(world.store, keys.build(world.service.id, 1))
    assert build is not None and build.state is BuildState.SUCCEEDED


def test_a_commit_that_was_built_is_not_built_again(world: World) -> None:
    world.push()
    world.accept(RunKind.BUILD_ONLY)
    world.settle()
    run = world.accept().run
    world.settle()
    build = get_one(world.store, keys.build(world.service.id, 2))
    assert run is not None and world.run(run.number).outcome is Outcome.SUCCEEDED
    assert build is not None and build.reused == 1
    assert len(world.engines.builder.jobs) == 1


def test_a_build_whose_worker_is_lost_is_started_again(world: World) -> None:
    world.engines.builder.duration = timedelta(seconds=30)
    world.push()
    run = world.accept().run
    world.advance(5)
    assert run is not None
    world.engines.builder.lose(run.build_id)
    world.settle()
    assert world.run(run.number).outcome is Outcome.SUCCEEDED
    assert world.run(run.number).facts["starts"] == "2"


def test_a_service_that_is_deleted_while_it_deploys_leaves_nothing(world: World) -> None:
    world.engines.cluster.start = timedelta(seconds=30)
    world.push()
    world.accept()
    world.advance(10)
    world.accept(RunKind.TEARDOWN)
    world.settle()
    world.advance(300)
    assert get_one(world.store, keys.service(world.service.address)) is None
    assert world.engines.cluster.objects == {}
    assert world.engines.catalog.entries == {}
    assert world.engines.registry.images == {}
    assert world.engines.vault.allowed == {}


def test_a_service_made_again_under_the_same_name_meets_nothing_of_its_predecessor(world: World) -> None:
    world.set_secret("TOKEN", "old")
    world.deploy()
    world.accept(RunKind.TEARDOWN)
    world.settle()
    world.service = world.make_service(world.service.address)
    run = world.deploy({**FILES, "VERSION": "2"})
    assert (run.number, run.build, run.deploy, run.turn) == (1, 1, 1, 1)
    assert world.active_snapshot().config == {}


def test_a_sealed_vault_stops_a_deploy_before_anything_moves(world: World) -> None:
    first = world.deploy()
    world.push({**FILES, "VERSION": "2"})
    run = world.accept().run
    world.engines.vault.sealed = True
    world.settle()
    assert run is not None
    failure = world.run(run.number).failure
    assert failure is not None and failure.code == "stage_timeout" and "the vault is sealed" in failure.message
    assert world.engines.cluster.running(world.service.id)["web"] == digest(world, first)


def test_an_engine_that_comes_back_in_time_does_no_harm(world: World) -> None:
    world.engines.vault.sealed = True
    world.push()
    run = world.accept().run
    world.advance(20)
    world.engines.vault.sealed = False
    world.settle()
    assert run is not None and world.run(run.number).outcome is Outcome.SUCCEEDED


def test_a_manifest_that_the_cluster_refuses_fails_with_the_clusters_words(world: World) -> None:
    world.push()
    world.engines.cluster.rejects = "Deployment: too many replicas"
    run = world.accept().run
    world.settle(timedelta(minutes=30))
    assert run is not None
    failure = world.run(run.number).failure
    assert failure is not None and "too many replicas" in failure.message


def test_every_run_and_every_end_has_its_audit_entry(world: World) -> None:
    world.deploy()
    world.deploy_unhealthy()
    world.roll_back_to(1)
    actions = world.audit_actions()
    assert actions == ["deploy", "deploy.ended", "deploy", "deploy.ended", "rollback", "rollback.ended"]


def test_a_run_that_waits_uses_up_none_of_its_time(world: World) -> None:
    world.engines.cluster.start = timedelta(seconds=170)
    world.push()
    world.accept()
    world.advance(20)
    second = world.accept(RunKind.CONFIG_ONLY).run
    assert second is not None and second.stage is Stage.WAITING and second.deadline is None
    world.settle()
    assert world.run(second.number).outcome is Outcome.UNCHANGED


def test_a_repository_that_is_not_there_fails_with_its_name(world: World) -> None:
    world.put_service(source=replace(world.service.source, location="https://git.example/none.git"))
    run = world.accept().run
    world.settle()
    assert run is not None
    failure = world.run(run.number).failure
    assert failure is not None and failure.code == "repository_not_found" and "none.git" in failure.message


def test_the_tidied_cluster_holds_the_newest_anchor_alone(world: World) -> None:
    world.deploy()
    world.deploy({**FILES, "VERSION": "2"})
    world.advance(300)
    anchors = world.engines.cluster.list_anchors("ancla-acme", world.service.id)
    assert [fence.turn for fence in anchors.values()] == [2]
