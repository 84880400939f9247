"""Tells the world how a deploy ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    key: str
    """Who sends the same key again is sending the same notice."""
    address: str
    commit: str
    state: str
    """`success` or `failure`."""
    text: str


class Notifier(Protocol):
    def announce(self, notice: Notice) -> None:
        """Passes it on, once for each key. Raises Unavailable to be asked again later."""
