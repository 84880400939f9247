"""The table of a set of engines, and the sentence below it."""

from __future__ import annotations

import pytest

from engines.engine import Engine, State
from engines.status import Row, judge, render_table, verdict

READY = Row("apiserver", "1.34.4", State.READY, "https://10.199.0.2:6443", 4711)
DEAD = Row("dns", "1", State.DEAD, "", 12)
STOPPED = Row("vault", "1.13.1", State.STOPPED, "", None)


def test_the_table_has_a_line_for_each_engine_with_aligned_columns() -> None:
    assert render_table([READY, DEAD, STOPPED]) == (
        "NAME       VERSION  STATE    ADDRESS                  PID\n"
        "apiserver  1.34.4   ready    https://10.199.0.2:6443  4711\n"
        "dns        1        dead     -                        12\n"
        "vault      1.13.1   stopped  -                        -"
    )


def test_the_verdict_names_what_is_not_ready_and_what_to_do() -> None:
    assert verdict([READY, READY]) == "all 2 engines are ready"
    assert verdict([STOPPED]) == "no engine is running: make engines-up"
    assert verdict([READY, DEAD]) == "not ready: dns: make engines-up starts what is gone, make engines-logs NAME=dns shows why"


@pytest.mark.parametrize(
    ("argv", "pid", "alive", "ready", "state"),
    [
        (("/bin/x",), None, False, False, State.STOPPED),
        (("/bin/x",), 7, False, False, State.DEAD),
        (("/bin/x",), 7, True, False, State.NOT_READY),
        (("/bin/x",), 7, True, True, State.READY),
        ((), None, False, False, State.STOPPED),
        ((), None, False, True, State.READY),
    ],
)
def test_a_state_follows_from_process_and_answer(argv: tuple[str, ...], pid: int | None, alive: bool, ready: bool, state: State) -> None:
    engine = Engine(name="x", version="1", licence="MIT", argv=argv, ready=lambda: ready)
    assert judge(engine, pid=pid, alive=alive, ready=ready) is state
