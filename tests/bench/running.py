"""Runs measurements to their end, whatever ends them: the folder they use goes, and what was measured until then is reported."""

from __future__ import annotations

import http.client
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import httpx

from chalicelib.adapters.embedded.disk import remove_tree

CANNOT_BE_MEASURED = (RuntimeError, AssertionError, OSError, subprocess.SubprocessError, httpx.HTTPError, http.client.HTTPException)
"""What a server or a machine that does not do its part ends a measurement with; the harness asserts."""


def run_to_the_end(
    name: str,
    measure: Callable[[Path], None],
    report: Callable[[float], None],
    *,
    ends: tuple[type[Exception], ...] = CANNOT_BE_MEASURED,
) -> int:
    """The exit code. `report` gets the seconds that it took; one of `ends` is told, and anything else is a mistake of ours."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="ancla-bench-"))
    problem, began = "", time.monotonic()
    try:
        measure(folder)
    except KeyboardInterrupt:
        print(f"{name}: interrupted, nothing was written", file=sys.stderr)
        return 130
    except ends as error:
        problem = f"{name}: the rest could not be measured: {error or type(error).__name__}"
    finally:
        remove_tree(folder)
    report(time.monotonic() - began)
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


def summary(seconds: float, load_before: float, out: Path) -> str:
    return f"took {seconds:.0f} s on {os.cpu_count()} cores, load {load_before:.1f} before; written to {out}"


def _interrupt(number: int, frame: FrameType | None) -> None:
    # A second Ctrl-C must not leave half of it running.
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)
    raise KeyboardInterrupt


def describe_machine(load_before: float) -> dict[str, object]:
    """What figures depend on beside what is measured; loads are averages over a minute."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_before": load_before,
        "load_after": os.getloadavg()[0],
    }
