"""Whether a node runs in a home: it writes its id, start time and address into its lock file once its router listens."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from chalicelib.adapters.embedded.node.launcher import start_time

RUNS_ALREADY = 3
PORT_TAKEN = 4
"""Exit codes of a node that did not begin."""


@dataclass(frozen=True, slots=True)
class Presence:
    pid: int
    host: str
    port: int


def lock_path(home: Path) -> Path:
    return home / "node.lock"


def announce(lock: int, host: str, port: int) -> None:
    """Writes this process into its locked lock file."""
    os.pwrite(lock, f"{os.getpid()} {start_time(os.getpid())} {host} {port}\n".encode(), 0)


def presence(home: Path) -> Presence | None:
    """The node that runs in the home and serves; None when there is none (yet)."""
    try:
        fields = lock_path(home).read_text().split()
    except FileNotFoundError:
        return None
    if len(fields) != 4 or start_time(int(fields[0])) != fields[1]:
        return None
    return Presence(int(fields[0]), fields[2], int(fields[3]))
