"""A chore: work after a deploy's outcome is settled. It holds no lane, never changes an outcome, and is deleted once it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ChoreKind(StrEnum):
    ANNOUNCE = "announce"
    TIDY = "tidy"
    RENEW = "renew"
    RECONCILE = "reconcile"
    END_BUILD = "end_build"
    TAKE_HELD = "take_held"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    service_id: str
    kind: ChoreKind
    number: int
    """The number of the run that it belongs to."""
    turn: int
    facts: Mapping[str, str] = field(default_factory=dict)
    look_at: datetime
    attempts: int = 0
    version: int = 0

    @property
    def ref(self) -> str:
        """How a message names it."""
        return f"{self.service_id}/{self.kind.value}/{self.number}"
