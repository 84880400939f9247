"""Notices as JSON lines in a file, one for each key."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from chalicelib.adapters.embedded.disk import locked, refuse_on_lambda
from chalicelib.domain.errors import Unavailable
from chalicelib.ports.notifier import Notice

LOCK_SECONDS = 5.0


class FileNotifier:
    """Safe for several threads and processes, and for one that dies while it writes: half a line is taken back by the next."""

    def __init__(self, path: Path) -> None:
        refuse_on_lambda("notifier")
        self._path = path

    def announce(self, notice: Notice) -> None:
        # In ASCII: a reader that also ends lines at, say, U+2028 finds none in it.
        line = json.dumps(asdict(notice)).encode() + b"\n"
        try:
            self._append_once(notice.key, line)
        except OSError as error:
            raise Unavailable(
                f"the notice {notice.key!r} could not be written to {self._path}: {error.strerror}",
                code="notice_unwritten",
                hint="make room or grant access there; it is tried again by itself",
            ) from error

    def _append_once(self, key: str, line: bytes) -> None:
        with locked(self._path.with_name(f"{self._path.name}.lock"), seconds=LOCK_SECONDS), self._path.open("a+b") as file:
            if key not in _keys(file):
                _append(file, line)


def _keys(file: BinaryIO) -> set[str]:
    """The keys of all whole lines; what stands behind the last of them is cut off."""
    file.seek(0)
    content = file.read()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        file.truncate(len(whole))
    return {json.loads(line)["key"] for line in whole.splitlines()}


def _append(file: BinaryIO, line: bytes) -> None:
    file.write(line)
    file.flush()
    os.fsync(file.fileno())
