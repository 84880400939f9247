"""A pod's output: the process writes it straight into a file, so that a node that restarts loses none of it."""

from __future__ import annotations

import os
from pathlib import Path

CAP = 8 * 1024 * 1024
"""Bytes after which a log is cut: the newest part moves to `log.1`."""
KEPT = 1024 * 1024
LOOK = 2 * 1024 * 1024
"""Bytes that are read into memory at once: more than a deploy's log keeps of a release command, so that it can say that there was more."""


def read_output(folder: Path, offset: int, *, ended: bool = False) -> tuple[bytes, bool]:
    """Output from byte `offset` on, counted from the pod's first, as much as one look takes; and whether there is more. What was cut
    off before it was asked for is missing: instead there is the last part, once the pod has `ended`."""
    try:
        with open(folder / "log", "rb") as file:
            size = os.fstat(file.fileno()).st_size
            place = offset - _dropped(folder)
            if place < 0:
                if not ended:
                    return b"", False
                place = max(0, size - LOOK)
            file.seek(place)
            data = file.read(LOOK)
            return data, place + len(data) < size
    except FileNotFoundError:
        return b"", False


def tail(folder: Path, lines: int) -> tuple[str, ...]:
    """The last lines, across a cut."""
    text = b"".join(_end_of(folder / name) for name in ("log.1", "log")).decode(errors="replace")
    return tuple(line.rstrip() for line in text.splitlines()[-lines:])


def append(folder: Path, text: str) -> None:
    """Adds a line of the node's own, such as why no process could be started."""
    with open(folder / "log", "ab") as file:
        file.write(f"{text}\n".encode())


def cut(folder: Path) -> bool:
    """Cuts a log that has grown beyond the cap; whether it had. The process has the file open, so it is emptied, not moved away."""
    path = folder / "log"
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return False
    if size <= CAP:
        return False
    (folder / "log.1").write_bytes(_end_of(path, KEPT))
    dropped = folder / "dropped.new"
    dropped.write_text(str(_dropped(folder) + size))
    dropped.rename(folder / "dropped")
    os.truncate(path, 0)
    return True


def _dropped(folder: Path) -> int:
    try:
        return int((folder / "dropped").read_text())
    except FileNotFoundError:
        return 0


def _end_of(path: Path, size: int = 64 * 1024) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read()
    except FileNotFoundError:
        return b""
