"""Rollbacks and people pin a service: what is held back, and what lifts the pin."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain import keys
from chalicelib.domain.runs import Outcome, RunKind
from chalicelib.ports.store import get_one
from tests.simulation.world import FILES, World
from tests.simulation.world import digest_of as digest


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


def rollback_behind_a_rollback(world: World) -> tuple[int, int]:
    """Three deploys, then a rollback that rolls out and one more that waits: their numbers."""
    first = world.deploy()
    second = world.deploy({**FILES, "VERSION": "2"})
    world.deploy({**FILES, "VERSION": "3"})
    world.engines.cluster.start = timedelta(seconds=30)
    running = world.accept(RunKind.ROLLBACK, snapshot=first.snapshot, rollback_to=1).run
    world.advance(5)
    waiting = world.accept(RunKind.ROLLBACK, snapshot=second.snapshot, rollback_to=2).run
    assert running is not None and waiting is not None
    return running.number, waiting.number


def test_when_two_rollbacks_fail_one_behind_the_other_nothing_is_pinned(world: World) -> None:
    rollback_behind_a_rollback(world)
    world.engines.cluster.unhealthy |= {digest(world, world.run(1)), digest(world, world.run(2))}
    world.settle()
    world.advance(1200)
    assert [run.outcome for run in world.runs_of(world.service.id)[3:]] == [Outcome.FAILED, Outcome.FAILED]
    assert world.lane().pinned_by == 0


def test_a_rollback_that_fails_behind_one_that_worked_leaves_that_ones_pin(world: World) -> None:
    running, _ = rollback_behind_a_rollback(world)
    world.engines.cluster.crashing.add(digest(world, world.run(2)))
    world.settle()
    assert world.lane().pinned_by == running


def test_a_pin_by_hand_stays_when_the_rollback_before_it_fails(world: World) -> None:
    first = world.deploy()
    world.deploy({**FILES, "VERSION": "2"})
    world.engines.cluster.unhealthy.add(digest(world, world.run(1)))
    world.accept(RunKind.ROLLBACK, snapshot=first.snapshot, rollback_to=1)
    world.advance(5)
    world.pin()
    world.settle()
    assert world.run(3).outcome is Outcome.FAILED
    assert world.lane().pinned_by == 4


def test_a_push_that_was_held_is_dropped_where_newer_code_takes_the_place_of_the_rollback_that_pinned(world: World) -> None:
    first = world.deploy()
    world.engines.cluster.start = timedelta(seconds=30)
    world.push({**FILES, "VERSION": "2"})
    world.accept()
    world.advance(10)
    world.accept(RunKind.ROLLBACK, snapshot=first.snapshot, rollback_to=1)
    assert world.accept_push(world.push({**FILES, "VERSION": "3"})).held
    newest = world.push({**FILES, "VERSION": "4"})
    world.accept()
    assert (world.lane().pinned_by, world.lane().held) == (0, None)
    world.settle()
    assert world.active_snapshot().commit == newest


def test_a_held_push_that_is_about_to_be_taken_gives_way_to_a_newer_one(world: World) -> None:
    world.deploy()
    world.deploy({**FILES, "VERSION": "2"})
    world.engines.cluster.crashing.add(digest(world, world.run(1)))
    world.accept(RunKind.ROLLBACK, snapshot=world.run(1).snapshot, rollback_to=1)
    assert world.accept_push(world.push({**FILES, "VERSION": "3"})).held
    while world.lane().pinned_by:
        world.tick()
    newest = world.push({**FILES, "VERSION": "4"})
    world.accept_push(newest)
    world.settle()
    world.advance(120)
    assert world.active_snapshot().commit == newest
    assert world.lane().held is None
