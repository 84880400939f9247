"""Time and chance: the only door through which they come in."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time in UTC, aware."""

    def new_id(self) -> str:
        """A new random UUID (version 4), as text."""

    def random_bytes(self, count: int) -> bytes:
        """`count` bytes fit for a key."""
