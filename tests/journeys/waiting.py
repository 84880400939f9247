"""Waiting for what comes about by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(what_is: Callable[[], T | None], *, seconds: float = 30, what: str, pause: float | None = None) -> T:
    """Asks until the answer is a true value, and returns it; fails after so many seconds. Without a pause of its own, what takes long is
    asked ever more rarely: each question costs who does the work some of its time."""
    began = time.monotonic()
    deadline = began + seconds
    while True:
        found = what_is()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(growing(time.monotonic() - began) if pause is None else pause)


def growing(waited: float) -> float:
    return min(0.5, max(0.05, waited / 20))
