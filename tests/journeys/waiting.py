"""Waiting for what comes about by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(what_is: Callable[[], T | None], *, seconds: float = 30, what: str, pause: float = 0.05) -> T:
    """Asks until the answer is a true value, and returns it; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = what_is()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(pause)
