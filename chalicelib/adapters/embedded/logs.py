"""Logs and documents as files, or in memory for tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from pathlib import Path

from chalicelib.adapters.embedded.disk import refuse_on_lambda, storage
from chalicelib.adapters.limits import log_gap


class FileLogs:
    """Each log is the file of its name below `root`. Writes are not forced to the disk: what counts is what a record points to,
    and a step that dies writes the same bytes again."""

    def __init__(self, root: Path) -> None:
        refuse_on_lambda("log store")
        self._root = root
        with storage(root):
            root.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, offset: int, data: bytes) -> int:
        path = self._root / name
        with storage(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                # The lock ends with the file: a writer that dies never leaves it behind.
                fcntl.flock(file, fcntl.LOCK_EX)
                size = file.seek(0, os.SEEK_END)
                if offset > size:
                    raise log_gap(name, offset, size)
                file.write(data[size - offset :])
        return offset + len(data)

    def read(self, name: str, *, start: int = 0) -> bytes:
        path = self._root / name
        with storage(path):
            try:
                file = path.open("rb")
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                return b""
            with file:
                file.seek(start)
                return file.read()

    def remove(self, prefix: str) -> None:
        path = self._root / prefix
        with storage(path):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.is_file():
                path.unlink(missing_ok=True)


class MemoryLogs:
    def __init__(self) -> None:
        self._logs: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def write(self, name: str, offset: int, data: bytes) -> int:
        with self._lock:
            there = self._logs.get(name, b"")
            if offset > len(there):
                raise log_gap(name, offset, len(there))
            self._logs[name] = there + data[len(there) - offset :]
        return offset + len(data)

    def read(self, name: str, *, start: int = 0) -> bytes:
        return self._logs.get(name, b"")[start:]

    def remove(self, prefix: str) -> None:
        with self._lock:
            for name in [name for name in self._logs if name == prefix or name.startswith(f"{prefix}/")]:
                del self._logs[name]
