"""An Ancla in which strange things happen."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.journeys.harness import Ancla
from tests.journeys.strange_ports import Bedroom
from tests.journeys.strange_things import VARIABLE, Strange


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
