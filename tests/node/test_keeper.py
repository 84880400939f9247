"""How the end of the node is noticed."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from chalicelib.adapters.embedded.node.keeper import await_end

LONG = 30.0


@pytest.fixture
def until() -> Iterator[int]:
    descriptor = os.eventfd(0)
    yield descriptor
    os.close(descriptor)


def test_the_end_of_the_process_is_noticed_at_once(until: int) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        threading.Timer(0.1, process.kill).start()
        assert took(process.pid, until, LONG) < LONG / 2


def test_what_is_waited_for_goes_before_the_process(until: int) -> None:
    os.eventfd_write(until, 1)
    with subprocess.Popen(["sleep", "60"]) as process:
        assert await_end(process.pid, until, LONG)
        process.kill()
        process.wait()
        assert await_end(process.pid, until, LONG)


@pytest.mark.parametrize("pid", [None, 2**22 + 1])
def test_without_a_process_it_looks_again_after_the_time(until: int, pid: int | None) -> None:
    assert 0.2 <= took(pid, until, 0.2) < LONG / 2


def took(pid: int | None, until: int, seconds: float) -> float:
    began = time.monotonic()
    assert not await_end(pid, until, seconds)
    return time.monotonic() - began
