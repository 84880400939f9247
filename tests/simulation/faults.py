"""What can go wrong, by chance from a seed: workers die or sleep at any call, messages are lost, doubled or late."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tests.simulation.world import Death, World


@dataclass(frozen=True)
class Odds:
    """How likely each mishap is, at every call of a port or for every message."""

    death: float = 0.0
    pause: float = 0.0
    loss: float = 0.0
    double: float = 0.0
    late: float = 0.0


class Faults:
    """Wraps a world's ports. Nothing goes wrong while it is not `armed`."""

    def __init__(self, seed: int, odds: Odds) -> None:
        self.random = random.Random(seed)
        self.odds = odds
        self.armed = False
        self.depth = 0
        self.world: World | None = None

    def wrap(self, name: str, port: Any) -> Any:
        return _Faulty(self, port)

    def attach(self, world: World) -> None:
        self.world = world
        world.queue.mishap = self.copies

    def before_call(self) -> None:
        if not self.armed or self.world is None:
            return
        if self.random.random() < self.odds.death:
            raise Death
        if self.depth < 2 and self.random.random() < self.odds.pause:
            self.depth += 1
            self.world.advance(self.random.uniform(15, 90))
            self.depth -= 1

    def after_call(self) -> None:
        if self.armed and self.random.random() < self.odds.death:
            raise Death

    def copies(self, delay: float) -> list[float]:
        if not self.armed:
            return [delay]
        if self.random.random() < self.odds.loss:
            return []
        late = delay + self.random.uniform(0, 40) if self.random.random() < self.odds.late else delay
        return [late, late + self.random.uniform(0, 40)] if self.random.random() < self.odds.double else [late]


class _Faulty:
    """A port at whose calls something may go wrong: before (nothing was done) or after (it was, and nobody heard)."""

    def __init__(self, faults: Faults, port: Any) -> None:
        self._faults = faults
        self._port = port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._faults.before_call()
            result = found(*args, **kwargs)
            self._faults.after_call()
            return result

        return call
