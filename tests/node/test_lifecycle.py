"""What events make of a pod's state."""

from __future__ import annotations

import pytest

from chalicelib.adapters.embedded.node.lifecycle import (
    Phase,
    PodState,
    exited,
    lost,
    matured,
    noted,
    parse_state,
    probed,
    restart_delay,
    starting,
    unstarted,
)
from chalicelib.adapters.exits import describe_exit

RUNNING = starting(PodState(), port=20001, now=100.0)


def test_a_state_is_read_back_as_it_was_written() -> None:
    state = noted(RUNNING, "an event")

    assert parse_state(state.as_json()) == state
    assert parse_state({}) == PodState()


def test_the_second_end_before_it_was_ready_is_certain_failure() -> None:
    once = exited(RUNNING, 3, once=False, now=101.0)
    twice = exited(starting(once, port=20001, now=102.0), 3, once=False, now=103.0)

    assert (once.failure, twice.failure) == ("", "process_exited")
    assert twice.message == "exited with code 3 before it was ready"


@pytest.mark.parametrize(("code", "words"), [(127, "the command was not found"), (126, "the command cannot be executed")])
def test_a_command_that_cannot_be_started_is_certain_at_once(code: int, words: str) -> None:
    state = exited(RUNNING, code, once=False, now=101.0)

    assert state.failure == "command_not_found"
    assert words in state.message


def test_a_process_that_was_available_is_only_started_again() -> None:
    state = matured(probed(RUNNING, ready=True, probe="", hint="", now=101.0))
    for second in range(5):
        state = exited(starting(state, port=20001, now=110.0 + second), 127, once=False, now=110.5 + second)

    assert state.failure == ""
    assert state.phase is Phase.WAITING
    assert state.message == "exited with code 127: the command was not found"


def test_a_process_that_becomes_available_after_all_is_no_failure() -> None:
    failed = exited(exited(RUNNING, 1, once=False, now=101.0), 1, once=False, now=102.0)

    recovered = matured(probed(starting(failed, port=20001, now=103.0), ready=True, probe="", hint="", now=104.0))

    assert (failed.failure, recovered.failure, recovered.early_exits) == ("process_exited", "", 0)


def test_the_wait_before_a_restart_doubles_up_to_half_a_minute() -> None:
    assert [restart_delay(count) for count in (0, 1, 2, 8, 9, 10_000)] == [0.1, 0.2, 0.4, 25.6, 30.0, 30.0]


def test_a_long_life_makes_the_next_restart_quick_again() -> None:
    tired = PodState(phase=Phase.RUNNING, run=9, started=100.0, quick_exits=8, proven=True)

    assert exited(tired, 1, once=False, now=110.0).retry_at == pytest.approx(110.0 + 25.6)
    assert exited(tired, 1, once=False, now=160.0).retry_at == pytest.approx(160.1)


def test_a_one_off_ends_with_its_exit_code() -> None:
    assert exited(RUNNING, 0, once=True, now=101.0).phase is Phase.SUCCEEDED
    assert exited(RUNNING, 2, once=True, now=101.0).phase is Phase.FAILED


def test_a_lost_process_starts_anew_unless_it_was_a_one_off() -> None:
    assert lost(RUNNING, once=False).phase is Phase.WAITING
    assert lost(RUNNING, once=True).phase is Phase.FAILED


def test_being_ready_since_is_kept_while_it_stays_ready() -> None:
    ready = probed(RUNNING, ready=True, probe="", hint="", now=101.0)
    still = probed(ready, ready=True, probe="", hint="", now=105.0)
    gone = probed(matured(still), ready=False, probe="", hint="", now=106.0)

    assert (ready.ready_since, still.ready_since) == (101.0, 101.0)
    assert (gone.ready, gone.available) == (False, False)


def test_the_same_hindrance_is_one_event_however_often_it_is_met() -> None:
    first = unstarted(PodState(), message="no image", failure="image_unavailable", once=False, now=1.0)
    second = unstarted(first, message="no image", failure="image_unavailable", once=False, now=2.0)

    assert second.events == ("no image",)
    assert second.retry_at == pytest.approx(2.2)


def test_only_the_newest_events_are_kept() -> None:
    state = PodState()
    for number in range(20):
        state = noted(state, f"event {number}")

    assert state.events == tuple(f"event {number}" for number in range(10, 20))


@pytest.mark.parametrize(
    ("code", "text"),
    [(1, "exited with code 1"), (137, "was ended by signal 9 (SIGKILL)"), (255, "exited with code 255")],
)
def test_an_exit_is_told_with_its_code_or_signal(code: int, text: str) -> None:
    assert describe_exit(code) == text
