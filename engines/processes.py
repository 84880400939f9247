"""Processes that outlive the command which started them.

A process is known by its id and the moment at which it started, so an id that the system gave away again is never taken for it.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from engines.errors import Trouble
from engines.files import ensure_text

PROC = Path("/proc")
CHILD_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    started: int
    """In clock ticks since the machine's start, as the kernel counts."""
    definition: str = ""
    """What it was started as, in short: for who wants to know whether that is still what is wanted."""


def spawn(argv: Sequence[str], environment: Mapping[str, str], log: Path, *, forks: bool = False) -> Process:
    """Starts a program in a session of its own, its output appended to the log. With `forks`, the process is the only child of the
    program that is started (a launcher such as nsenter, which ends when its child does)."""
    with log.open("ab") as output:
        streams = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), *((os.POSIX_SPAWN_DUP2, output.fileno(), to) for to in (1, 2))]
        try:
            started = os.posix_spawnp(argv[0], tuple(argv), {**os.environ, **environment}, file_actions=streams, setsid=True)
        except FileNotFoundError as error:
            raise Trouble(f"{argv[0]} is not there", "make engines") from error
    pid = _only_child(started, argv[0], log) if forks else started
    when = _start_of(pid)
    if when is None:
        raise Trouble(f"{argv[0]} ended at once", f"its last words are in {log}")
    return Process(pid, when)


def is_alive(process: Process) -> bool:
    return _start_of(process.pid) == process.started


def stop(process: Process, *, within: float) -> None:
    """Asks it to end, and ends it when the time is up."""
    for sent, patience in ((signal.SIGTERM, within), (signal.SIGKILL, 10.0)):
        _signal(process, sent)
        if _gone(process, patience):
            return
    raise Trouble(f"process {process.pid} cannot be ended", f"look at {PROC}/{process.pid}/status: it hangs in the kernel")


def write_record(path: Path, process: Process) -> None:
    ensure_text(path, json.dumps(asdict(process)))


def read_record(path: Path) -> Process | None:
    """The process that was noted there, whether or not it lives."""
    if not path.is_file():
        return None
    try:
        return Process(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise Trouble(f"{path} is damaged", f"remove it; its engine may still be running: ps aux | grep {path.stem}") from error


def _only_child(launcher: int, name: str, log: Path) -> int:
    children = PROC / str(launcher) / "task" / str(launcher) / "children"
    end = time.monotonic() + CHILD_WITHIN
    while time.monotonic() < end and _start_of(launcher) is not None:
        try:
            if found := children.read_text().split():
                return int(found[0])
        except (FileNotFoundError, ProcessLookupError):
            break
        time.sleep(0.01)
    raise Trouble(f"{name} started nothing", f"its last words are in {log}")


def _start_of(pid: int) -> int | None:
    """When the process started; None if it is gone, or only waits for its parent to take note of its end."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name, in brackets, may itself hold brackets and spaces. Behind it: state (field 3) … start time (field 22).
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _signal(process: Process, number: signal.Signals) -> None:
    if is_alive(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def _gone(process: Process, within: float) -> bool:
    end = time.monotonic() + within
    while is_alive(process):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
