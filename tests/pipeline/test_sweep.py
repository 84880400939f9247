"""The sweep: what nobody looked at in time is looked at, once, and ever more rarely where that does not help."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from chalicelib.domain import keys
from chalicelib.domain.chores import Chore, ChoreKind
from chalicelib.domain.runs import Run
from chalicelib.pipeline.sweep import PAGE, sweep
from chalicelib.ports.store import Put, get_one
from tests.simulation.world import World


def lost(world: World) -> Run:
    """A deploy that was accepted, and whose messages were all lost."""
    world.push()
    run = world.accept().run
    assert run is not None
    world.queue.messages.clear()
    return run


def test_a_run_is_left_alone_until_it_is_due(world: World) -> None:
    run = lost(world)
    assert sweep(world.ports) == 0
    world.clock.time = run.look_at
    assert sweep(world.ports) == 1


def test_a_run_that_is_due_moves_to_a_new_version_and_one_look_is_sent_for_that(world: World) -> None:
    run = lost(world)
    world.clock.time = run.look_at
    sweep(world.ports)
    (message,) = world.queue.messages
    assert message.body == {"run": run.ref, "version": run.version + 1}
    assert world.run(run.number).version == run.version + 1


def test_a_run_that_was_swept_is_not_swept_again_at_once_and_later_each_time(world: World) -> None:
    run = lost(world)
    waits = []
    for _ in range(4):
        world.clock.time = world.run(run.number).look_at
        assert sweep(world.ports) == 1
        assert sweep(world.ports) == 0
        waits.append((world.run(run.number).look_at - world.clock.now()).total_seconds())
    assert waits == [15, 30, 60, 120]


def test_a_sweep_ahead_finds_what_will_be_due(world: World) -> None:
    lost(world)
    assert sweep(world.ports, ahead=60) == 1


def test_a_finished_run_is_no_longer_found(world: World) -> None:
    run = world.deploy()
    world.clock.time += timedelta(hours=1)
    world.advance(1800)
    assert sweep(world.ports) == 0
    assert world.run(run.number).finished


def test_a_chore_that_is_tried_for_weeks_neither_stops_the_sweep_nor_is_given_up(world: World) -> None:
    chore = Chore(service_id="s1", kind=ChoreKind.ANNOUNCE, number=1, turn=1, look_at=world.clock.now(), attempts=5000)
    world.store.commit([Put(chore)])
    assert sweep(world.ports) == 1
    swept = get_one(world.store, keys.chore("s1", ChoreKind.ANNOUNCE, 1))
    assert swept is not None and swept.look_at == world.clock.now() + timedelta(minutes=10)


def test_more_than_a_page_is_swept_at_once(world: World) -> None:
    chore = Chore(service_id="s1", kind=ChoreKind.ANNOUNCE, number=1, turn=1, look_at=world.clock.now())
    for number in range(PAGE + 5):
        world.store.commit([Put(replace(chore, number=number))])
    assert sweep(world.ports) == PAGE + 5
