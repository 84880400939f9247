"""How long a step may watch before it has to come back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.ports.clock import Clock

WATCH = 8.0
RESERVE = 3.0
"""Seconds kept for the commit and the next look."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The rest of an invocation that ends at `until`."""

    clock: Clock
    until: datetime
    stage_ends: datetime | None = None
    """When the stage's time is up, if that is sooner: nobody watches beyond it."""

    def left(self) -> float:
        """Seconds that a step may watch now; 0 when it has to come back at once."""
        now = self.clock.now()
        left = min(WATCH, (self.until - now).total_seconds() - RESERVE)
        if self.stage_ends is not None:
            left = min(left, (self.stage_ends - now).total_seconds())
        return max(0.0, left)
