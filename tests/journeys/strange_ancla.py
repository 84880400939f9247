"""An Ancla in which strange things happen, and what they are to be."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chalicelib.ports import Ports
from chalicelib.wiring import make_ports
from tests.journeys.harness import Ancla
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


class StrangeAncla(Ancla):
    def __init__(self, folder: Path, **strange: Any) -> None:
        super().__init__(folder)
        self.bedroom = Bedroom(folder)
        self._folder = folder
        self.plan(**strange)

    def plan(self, **strange: Any) -> None:
        """Says what is to happen from the next start on."""
        self.environ = {**self.environ, VARIABLE: json.dumps(asdict(Strange(folder=str(self._folder), **strange)))}

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.journeys.strange_server"]
