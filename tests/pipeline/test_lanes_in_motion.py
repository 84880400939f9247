"""Several runs of one service: which one begins, waits, or ends because of another."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain import keys
from chalicelib.domain.builds import BuildState
from chalicelib.domain.runs import Outcome, RunKind, Stage
from chalicelib.ports.store import get_one
from tests.simulation.world import FILES, World


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


def test_a_run_that_waits_uses_up_none_of_its_time(world: World) -> None:
    world.engines.cluster.start = timedelta(seconds=170)
    world.push()
    world.accept()
    world.advance(20)
    second = world.accept(RunKind.CONFIG_ONLY).run
    assert second is not None and second.stage is Stage.WAITING and second.deadline is None
    world.settle()
    assert world.run(second.number).outcome is Outcome.UNCHANGED
