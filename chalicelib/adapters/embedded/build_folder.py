"""One build's folder: what its builder and its worker tell each other, in files that are whole or not there.

$HOME/builds/<build id>/job.json      what to build
                        log           grows while it builds, also over a second start
                        lock          held by the worker for as long as it lives; holds its process id
                        result.json   how it ended: written once, by whoever ends it first
                        trouble.json  why the last worker gave up, where that was nobody's fault
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.adapters.embedded.disk import take_lock, write_once, write_whole
from chalicelib.domain.errors import Invalid

_PAUSES = (0.001, 0.002, 0.004)
"""Who looks whether a worker lives holds the lock for some microseconds: that is waited out."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the worker needs of a build job. No build argument and no secret: nothing is run that could take them."""

    id: str
    number: int
    location: str
    commit: str
    repository: str
    strategy: str
    dockerfile: str
    procfile: str
    home: str
    local_files: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a build ended: with a digest and processes, or with a code, message and hint."""

    digest: str = ""
    processes: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class BuildFolder:
    path: Path

    @classmethod
    def of(cls, home: Path, build_id: str) -> BuildFolder:
        if not _ID.fullmatch(build_id):
            raise Invalid(f"{build_id[:80]!r} cannot be the id of a build", code="build_id_invalid", hint="use letters, digits and '-'")
        return cls(home / "builds" / build_id)

    @property
    def log(self) -> Path:
        return self.path / "log"

    def write_order(self, order: Order) -> None:
        write_whole(self.path / "job.json", json.dumps(asdict(order)).encode())

    def order(self) -> Order:
        return Order(**_read(self.path / "job.json"))

    def end(self, result: Result) -> bool:
        """Records how the build ended, unless that is recorded already; whether it did."""
        return write_once(self.path / "result.json", json.dumps(asdict(result)).encode())

    def result(self) -> Result | None:
        found = _read(self.path / "result.json")
        return Result(**found) if found else None

    def give_up(self, code: str, message: str, hint: str) -> None:
        write_whole(self.path / "trouble.json", json.dumps({"code": code, "message": message, "hint": hint}).encode())

    def take_trouble(self) -> dict[str, str]:
        """Why the last worker gave up, told once; empty when it did not."""
        trouble = _read(self.path / "trouble.json")
        (self.path / "trouble.json").unlink(missing_ok=True)
        return trouble

    def log_from(self, offset: int) -> bytes:
        try:
            with self.log.open("rb") as file:
                file.seek(offset)
                return file.read()
        except FileNotFoundError:
            return b""

    def take_lock(self) -> int | None:
        """The open lock file, held, for a worker to inherit; None while a worker lives."""
        self.path.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for pause in _PAUSES:
            if take_lock(handle):
                os.ftruncate(handle, 0)
                return handle
            time.sleep(pause)
        os.close(handle)
        return None

    def worker(self) -> int | None:
        """The living worker's process id (0 before it has said so); None when there is no worker."""
        try:
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if take_lock(handle, shared=True):
                return None
            return int(os.pread(handle, 20, 0) or b"0")
        finally:
            os.close(handle)


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return content
