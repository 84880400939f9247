"""What strange things are to happen in a server: told by the story that starts it, done in the server's own process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chalicelib.ports import Ports
from chalicelib.wiring import make_ports
from tests.journeys.strange_ports import Bedroom, Hold, with_clock_ahead, with_doubled_messages, with_held_workers

VARIABLE = "STRANGE"


@dataclass(frozen=True, kw_only=True)
class Strange:
    """What is to happen."""

    folder: str
    """Where the workers sleep that `holds` hold."""
    holds: tuple[Hold, ...] = ()
    ahead: float = 0.0
    """Seconds by which the clock is ahead."""
    twice: bool = False
    """Whether each message comes twice, and each schedule ticks twice, all the time, and takes all that is open for overdue."""

    def ports(self) -> Ports:
        ports = with_held_workers(with_clock_ahead(make_ports(), self.ahead), self.bedroom())
        return with_doubled_messages(ports) if self.twice else ports

    def bedroom(self) -> Bedroom:
        return Bedroom(Path(self.folder), self.holds)
