"""The runner: a message acts on the version that it was sent for, time is used up by what works, exceptions are tried again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.failures import Failure
from chalicelib.domain.runs import Outcome, Run, RunKind, Stage
from chalicelib.pipeline import machine
from chalicelib.pipeline.backoff import LONGEST, SOON, backoff, patience, retry
from chalicelib.pipeline.overtime import out_of_time
from chalicelib.pipeline.slices import pause
from chalicelib.pipeline.work import NEVER_GIVEN_UP, RUN_LIMIT, overdue, stage_limit
from chalicelib.ports.queue import MAX_DELAY, Work
from chalicelib.ports.store import Put
from tests.domain.records import NOW, a_run
from tests.simulation.virtual import Message
from tests.simulation.world import FUNCTION_TIME, World


def accepted(world: World) -> Run:
    """A deploy that was just accepted, with no message about it any more."""
    world.push()
    run = world.accept().run
    assert run is not None
    world.queue.messages.clear()
    return run


def look(world: World, run: Run, version: int, *, receive_count: int = 1, work: Work = Work.PLAN) -> list[Message]:
    """The messages that one delivery of a look leaves behind."""
    body = {"run": run.ref, "version": version}
    machine.look(world.ports, work, body, receive_count=receive_count, until=world.clock.now() + FUNCTION_TIME)
    messages = sorted(world.queue.messages)
    world.queue.messages.clear()
    return messages


def test_a_look_that_was_sent_for_another_version_is_dropped(world: World) -> None:
    run = accepted(world)
    for version in (run.version - 1, run.version + 1):
        assert look(world, run, version) == []
        assert world.run(run.number) == run


def test_a_redelivery_that_finds_a_newer_version_sends_one_look_for_it_when_it_is_due(world: World) -> None:
    run = accepted(world)
    (message,) = look(world, run, run.version - 1, receive_count=2)
    assert message.body == {"run": run.ref, "version": run.version}
    assert message.visible_at == run.look_at
    assert world.run(run.number) == run


def test_a_redelivery_that_finds_an_older_version_is_dropped(world: World) -> None:
    run = accepted(world)
    assert look(world, run, run.version + 1, receive_count=2) == []


def test_the_look_of_a_redelivery_is_never_later_than_the_queue_can_wait(world: World) -> None:
    run = accepted(world)
    world.store.commit([Put(replace(run, look_at=world.clock.now() + timedelta(hours=1)))])
    (message,) = look(world, run, run.version, receive_count=2)
    assert (message.visible_at - world.clock.now()).total_seconds() == MAX_DELAY


def test_a_look_in_the_queue_of_other_work_is_sent_on(world: World) -> None:
    run = accepted(world)
    (message,) = look(world, run, run.version, work=Work.ROLL_OUT)
    assert (message.work, message.body["version"]) == (Work.PLAN, run.version)


def test_a_stage_that_needs_no_commit_is_carried_by_the_next_one(world: World) -> None:
    world.push()
    run = world.accept().run
    assert run is not None
    while world.run(run.number).stage is not Stage.PREFLIGHT:
        world.tick()
    before = world.run(run.number)
    world.queue.messages.clear()
    look(world, before, before.version, work=Work.ROLL_OUT)
    after = world.run(run.number)
    assert {Stage.ANCHOR.value, Stage.PREPARE.value, Stage.ROLL_OUT.value} <= set(after.passed)
    assert after.version - before.version < len(after.passed) - len(before.passed)


def test_a_look_at_a_finished_run_passes_on_to_the_one_that_holds_the_lane(world: World) -> None:
    first = world.deploy()
    second = accepted(world)
    (message,) = look(world, first, first.version)
    assert message.body == {"run": second.ref, "version": second.version}
    assert message.visible_at == second.look_at, "until then whoever has it in hand may be at it"


def test_exceptions_in_a_row_are_counted_and_forgotten_at_the_first_look_that_works(world: World) -> None:
    world.engines.builder.duration = timedelta(seconds=600)
    world.push()
    run = world.accept().run
    assert run is not None
    world.advance(5)
    world.store.commit([Put(replace(world.run(run.number), attempts=4))])
    world.advance(90)
    assert (world.run(run.number).stage, world.run(run.number).attempts) == (Stage.WATCH_BUILD, 0)


def test_a_run_that_waits_is_never_overdue_and_a_teardown_is_never_given_up() -> None:
    long_after = NOW + timedelta(days=400)
    assert not overdue(a_run(stage=Stage.WAITING), long_after)
    for stage in NEVER_GIVEN_UP:
        run = replace(a_run(RunKind.TEARDOWN, stage=stage), deadline=NOW + RUN_LIMIT)
        assert not overdue(run, long_after)


def test_a_stage_ends_at_its_limit_and_not_a_moment_before() -> None:
    run = a_run(stage=Stage.WATCH_BUILD)
    ends = NOW + stage_limit(run)
    assert not overdue(run, ends - timedelta(seconds=1))
    assert overdue(run, ends)


@pytest.mark.parametrize(("stage", "late"), [(Stage.WATCH_ROLL_OUT, True), (Stage.SALVAGE, False), (Stage.WATCH_REVERT, False)])
def test_a_run_past_its_deadline_fails_but_may_still_revert(stage: Stage, late: bool) -> None:
    run = replace(a_run(stage=stage), deadline=NOW + timedelta(seconds=10))
    assert overdue(run, NOW + timedelta(seconds=11)) is late


def test_a_revert_that_is_out_of_time_ends_the_run_with_its_own_failure_and_leaves_the_rest_to_a_chore() -> None:
    failure = Failure(code="process_exited", message="web: exit code 1", evidence=("web | boom",))
    ended = out_of_time(a_run(stage=Stage.WATCH_REVERT, failure=failure))
    assert (ended.failure.code, ended.failure.evidence) == ("process_exited", ("web | boom",))
    assert "goes on in the background" in ended.failure.message
    assert ended.run.facts["reconcile"] == "1"


def test_the_wait_before_the_next_try_doubles_up_to_ten_minutes_however_often_it_failed() -> None:
    assert [backoff(2.0, attempts) for attempts in (1, 2, 3)] == [2.0, 4.0, 8.0]
    assert backoff(2.0, 10) == LONGEST
    assert backoff(15.0, 100_000) == LONGEST


def test_a_run_goes_on_soon_after_what_it_needed_is_back() -> None:
    pauses = [retry(attempts) for attempts in range(1, 200)]
    assert pauses[:8] == [1.0, 2.0, 4.0, 8.0, SOON, SOON, SOON, SOON]
    assert [pause for tries, pause in enumerate(pauses) if pause > max(SOON, sum(pauses[:tries]) / 4)] == []
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST


def test_what_takes_long_is_looked_at_ever_more_rarely() -> None:
    assert [patience(5.0, waited) for waited in (0, 100, 1_000_000)] == [5.0, 25.0, LONGEST]


def test_the_next_try_never_comes_after_the_stage_is_over(world: World) -> None:
    world.engines.vault.sealed = True
    world.set_variable("GREETING", "hello")
    world.push()
    run = world.accept().run
    assert run is not None
    world.settle()
    ended = world.run(run.number)
    assert ended.outcome is Outcome.FAILED and ended.finished_at is not None
    assert ended.finished_at - ended.passed[Stage.PREFLIGHT.value] == timedelta(seconds=120)


def test_a_build_is_watched_without_a_break_at_first_and_then_ever_less_often() -> None:
    assert [pause(watched) for watched in (0, 60, 120, 360, 3600)] == [0, 0, 2, 10, 10]


def test_a_long_build_costs_few_looks_and_its_end_is_noticed_soon(world: World) -> None:
    world.engines.builder.duration = timedelta(minutes=20)
    began, looks = world.clock.now(), len(world.logs.written)
    run = world.deploy()
    assert run.outcome is Outcome.SUCCEEDED
    assert world.clock.now() - began < timedelta(minutes=20, seconds=30)
    assert len(world.logs.written) - looks < 300
