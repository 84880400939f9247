"""AWS's limits on queues and logs, checked once, above every adapter: what is taken on one machine is taken in production too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import Invalid, TooLarge
from chalicelib.ports.logs import Logs
from chalicelib.ports.queue import MAX_DELAY, Queue, Received, Work

MAX_MESSAGE_BYTES = 256 * 1024
MAX_NAME_BYTES = 900
"""S3 takes keys of 1,024 bytes; a prefix and the offset of a chunk come along."""

_PART = re.compile(r"[A-Za-z0-9._-]+")


class LimitedQueue:
    """`queue`, with SQS's limits."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def send(self, work: Work, body: Mapping[str, Any], *, delay: float = 0) -> None:
        size = len(json.dumps(body).encode())
        if size > MAX_MESSAGE_BYTES:
            raise TooLarge(
                f"a message of {size:,} bytes is too large; {MAX_MESSAGE_BYTES:,} is the most",
                code="message_too_large",
                hint="put the content into a record or a log, and its name into the message",
            )
        if not 0 <= delay <= MAX_DELAY:
            raise Invalid(
                f"a message cannot be delayed by {delay} seconds",
                code="delay_invalid",
                hint=f"use 0 to {MAX_DELAY} seconds, and look again when it comes",
            )
        self._queue.send(work, body, delay=delay)

    def receive(self, work: Work, *, wait: float = 0) -> Received | None:
        return self._queue.receive(work, wait=wait)

    def acknowledge(self, work: Work, receipt: str) -> None:
        self._queue.acknowledge(work, receipt)

    def dead_letters(self, work: Work) -> int:
        return self._queue.dead_letters(work)


class NamedLogs:
    """`logs`, with names that are safe as paths and as S3 keys, and none that leads out of its root."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    def write(self, name: str, offset: int, data: bytes) -> int:
        check_log_name(name)
        if offset < 0:
            raise _bad_offset(name, offset)
        return self._logs.write(name, offset, data)

    def read(self, name: str, *, start: int = 0) -> bytes:
        check_log_name(name)
        if start < 0:
            raise _bad_offset(name, start)
        return self._logs.read(name, start=start)

    def remove(self, prefix: str) -> None:
        check_log_name(prefix)
        self._logs.remove(prefix)


def check_log_name(name: str) -> None:
    """Raises Invalid unless `name` is a relative path of `[A-Za-z0-9._-]` parts, none of them `.` or `..`."""
    parts = name.split("/")
    if len(name) > MAX_NAME_BYTES or not all(_PART.fullmatch(part) and part.strip(".") for part in parts):
        raise Invalid(
            f"{name[:80]!r} cannot be the name of a log",
            code="log_name_invalid",
            hint=f"use parts of A-Z, a-z, 0-9, '.', '_' and '-' with '/' in between, at most {MAX_NAME_BYTES} characters",
        )


def log_gap(name: str, offset: int, size: int) -> Invalid:
    """The error of every adapter for a write that would leave a gap."""
    return Invalid(
        f"the log {name!r} has {size:,} bytes: nothing can be written at {offset:,}",
        code="log_gap",
        hint=f"write from byte {size:,} on",
        extra={"size": size},
    )


def _bad_offset(name: str, offset: int) -> Invalid:
    return Invalid(f"{offset} is no place in the log {name!r}", code="log_offset_invalid", hint="count bytes from 0")
