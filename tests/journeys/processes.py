"""The processes of one Ancla, told by the path of its home."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def processes_of(home: Path) -> dict[int, str]:
    """The live processes that belong to the Ancla in `home`, by pid, with their commands."""
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            command = (folder / "cmdline").read_bytes()
            told = command + (folder / "environ").read_bytes() + os.readlink(folder / "cwd").encode()
        except OSError:
            continue  # it is gone, or somebody else's
        if command and pid != os.getpid() and str(home).encode() in told:
            found[pid] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def kill_processes_of(home: Path) -> None:
    """kill -9, until none is left: one may have been about to start another."""
    while left := processes_of(home):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
