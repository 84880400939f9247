"""Messages that say "look", at least once, in no particular order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

MAX_DELAY = 900
"""Seconds: the most that SQS takes."""
VISIBILITY = 15
"""Seconds after which a message that was received and not acknowledged comes again."""
MAX_RECEIVES = 20
"""After that many deliveries a message is set aside as a dead letter."""


class Work(StrEnum):
    """The kinds of work: each has its own queue and its own function, so memory, time, rights and alarms can differ."""

    PLAN = "plan"
    """Decide and record: store, source host, vault, registry."""
    BUILD = "build"
    ROLL_OUT = "roll-out"
    """The cluster and the catalog."""
    CHORES = "chores"


@dataclass(frozen=True, slots=True)
class Received:
    body: Mapping[str, Any]
    receive_count: int
    """1 for the first delivery."""
    receipt: str


class Queue(Protocol):
    def send(self, work: Work, body: Mapping[str, Any], *, delay: float = 0) -> None:
        """Puts a message (JSON, at most 256 KB) into the queue of `work`, to be received `delay` seconds (0 to 900) later."""

    def receive(self, work: Work, *, wait: float = 0) -> Received | None:
        """The next message, waiting up to `wait` seconds for one. It is hidden for VISIBILITY seconds, then comes again."""

    def acknowledge(self, work: Work, receipt: str) -> None:
        """The message is done with. A receipt that has run out or was used is no error."""

    def dead_letters(self, work: Work) -> int:
        """How many messages were set aside."""
