"""How long a step may watch before it has to come back, and how long until it watches again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.ports.clock import Clock

WATCH = 8.0
RESERVE = 3.0
"""Seconds kept for the commit and the next look."""


FOLLOWED = 60.0
"""Seconds of a build or release command for which it is watched without a break: somebody follows it."""
LONGEST_PAUSE = 10.0


def pause(watched: float) -> float:
    """Seconds until the next slice of what has been watched for `watched` seconds: what takes minutes is looked at less and less
    often, since each slice is paid for by the second, and its end is noticed a little later."""
    return min(LONGEST_PAUSE, max(0.0, watched - FOLLOWED) / 30)


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
