"""The release command: at most once, before any traffic moves."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.deploys import deploy_log
from chalicelib.domain.runs import Outcome, Stage
from tests.simulation.world import World
from tests.simulation.world import digest_of as digest

WITH_RELEASE = {"Procfile": "web: python server.py\nrelease: python migrate.py\n"}


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


def test_a_release_command_that_cannot_start_fails_its_deploy_at_once_and_moves_nothing(world: World) -> None:
    first = world.deploy()
    world.engines.cluster.unstartable = True
    began = world.clock.now()
    run = world.deploy(WITH_RELEASE)
    assert run.failure is not None
    assert (run.failure.code, run.failure.message) == ("image_unavailable", "release: shop/web: not found")
    assert run.failure.hint
    assert world.clock.now() - began < timedelta(seconds=30)
    assert world.engines.cluster.running(world.service.id)["web"] == digest(world, first)
    assert not [ref for ref in world.engines.cluster.objects if ref.kind == "Pod"], "nothing of it waits to run later"


def test_the_last_words_of_a_release_command_that_fails_are_told_whenever_it_said_them(world: World) -> None:
    world.engines.cluster.release_takes = timedelta(seconds=5)
    world.engines.cluster.release_ends_with = 4
    failure = world.deploy(WITH_RELEASE).failure
    assert failure is not None
    assert (failure.code, failure.message) == ("release_failed", "the release command ended with exit code 4")
    assert failure.evidence[0] == "release | migrated"


def test_a_look_that_wrote_output_and_died_takes_no_later_line_from_the_log(world: World) -> None:
    """What it wrote cannot be read again: the node keeps the newest output only."""
    world.engines.cluster.release_takes = timedelta(seconds=20)
    world.engines.cluster.release_ends_with = 4
    world.push(WITH_RELEASE)
    accepted = world.accept()
    world.advance(10)
    assert accepted.run is not None
    run = world.run(accepted.run.number)
    assert run.stage is Stage.WATCH_RELEASE
    world.ports.logs.write(deploy_log(run.owner, run.number), int(run.facts["log"]), b"read by a worker that died\n" * 20)
    told = world.log_of(world.ended(accepted))
    assert "read by a worker that died\n" * 20 in told
    assert "failed (release_failed): the release command ended with exit code 4" in told
