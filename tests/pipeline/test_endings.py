"""The commit that ends a run holds all that belongs to its end, and always fits into one transaction."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain.chores import ChoreKind
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Outcome, Run, RunKind, Stage
from chalicelib.pipeline.lane import ending
from chalicelib.pipeline.outcome import End, fail
from chalicelib.pipeline.steps.teardown import MAX_DELETES
from chalicelib.ports.store import Change, Put
from tests.simulation.world import FILES, World

MOST_CHANGES = 100


def records(changes: list[Change], kind: type) -> list[object]:
    return [change.record for change in changes if isinstance(change, Put) and isinstance(change.record, kind)]


def crowded(world: World) -> Run:
    """The first run rolls out, and one of each strength waits behind it."""
    world.engines.cluster.start = timedelta(seconds=60)
    world.push()
    first = world.accept().run
    world.advance(5)
    world.accept(RunKind.SCALE)
    world.accept(RunKind.CONFIG_ONLY)
    world.push({**FILES, "VERSION": "2"})
    world.accept()
    assert first is not None
    return world.run(first.number)


def test_the_run_its_lane_and_the_next_run_are_in_one_commit(world: World) -> None:
    run = crowded(world)
    moves = ending(world.ports, fail(run, "process_exited", "exit code 1"))
    runs = {put.number: put for put in records(moves.changes, Run) if isinstance(put, Run)}
    (lane,) = records(moves.changes, Lane)
    assert isinstance(lane, Lane) and lane.running == 4
    assert (runs[1].outcome, runs[4].stage, runs[4].turn) == (Outcome.FAILED, Stage.RESOLVE, 2)
    assert len(moves.changes) < MOST_CHANGES


def test_a_run_that_ended_while_nobody_waits_leaves_the_lane_free(world: World) -> None:
    world.deploy()
    assert (world.lane().running, dict(world.lane().waiting)) == (0, {})


def test_looks_are_sent_for_what_the_commit_will_have_written(world: World) -> None:
    run = crowded(world)
    moves = ending(world.ports, End(Outcome.UNCHANGED, run))
    looks = {look.body["run"]: look.body["version"] for look in moves.looks if "run" in look.body}
    assert looks == {world.run(4).ref: world.run(4).version + 1}


def test_a_failure_that_was_not_put_back_leaves_a_chore_that_goes_on(world: World) -> None:
    run = crowded(world).noting(reconcile=1)
    moves = ending(world.ports, fail(run, "process_exited", "exit code 1"))
    kinds = {look.body["chore"].split("/")[1] for look in moves.looks if "chore" in look.body}
    assert ChoreKind.RECONCILE.value in kinds


def test_the_end_of_a_project_with_many_environments_fits_into_one_commit() -> None:
    records_of_one = 2  # the environment, and its scope
    assert MAX_DELETES * records_of_one + 5 < MOST_CHANGES
