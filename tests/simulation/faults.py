"""What can go wrong, by chance from a seed: workers die or sleep at any call, ports fail, engines are away for a while, messages are
lost, doubled or late."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import Unavailable
from tests.simulation.world import Death, World

ENGINES = ("source", "builder", "registry", "vault", "cluster", "catalog", "notifier")


@dataclass(frozen=True)
class Odds:
    """How likely each mishap is, at every call of a port, for every message, or (`outage`) between two things that people do."""

    death: float = 0.0
    pause: float = 0.0
    failure: float = 0.0
    """A port raises Unavailable, whether or not it has done what it was asked to."""
    loss: float = 0.0
    double: float = 0.0
    late: float = 0.0
    outage: float = 0.0
    """An engine is away, or nothing in the cluster gets ready, for up to half an hour."""
    pace: tuple[float, ...] = (0.1, 1, 3, 10, 60)
    """Seconds between two things that people do: one of these."""


class Faults:
    """Wraps a world's ports. Nothing goes wrong while it is not `armed`."""

    def __init__(self, seed: int, odds: Odds) -> None:
        self.random = random.Random(seed)
        self.odds = odds
        self.armed = False
        self.wakes: list[datetime] = []
        """When the workers that sleep wake up."""
        self.world: World | None = None
        self.away: dict[str, datetime] = {}
        """Engines that do not answer, and until when."""

    def wrap(self, name: str, port: Any) -> Any:
        return _Faulty(self, name, port)

    def attach(self, world: World) -> None:
        self.world = world
        world.queue.mishap = self.copies

    def between(self) -> None:
        """Called between two things that people do: an engine may go away, a build's worker or a release pod may be lost."""
        if self.world is None or self.random.random() >= self.odds.outage:
            return
        until = self.world.clock.now() + timedelta(seconds=self.random.choice((20, 90, 400, 1800)))
        engines = self.world.engines
        match self.random.choice((*ENGINES, "cluster", "settling", "build", "pod")):
            case "settling":
                engines.cluster.settles_again = until
            case "build" if engines.builder.jobs:
                engines.builder.lose(self.random.choice(sorted(engines.builder.jobs)))
            case "pod" if engines.cluster.pods:
                engines.cluster.lose_pod(self.random.choice(sorted(engines.cluster.pods)))
            case name:
                self.away[name] = until

    def end(self) -> None:
        """From now on nothing goes wrong any more, and the index catches up."""
        self.armed = False
        self.away.clear()
        if self.world is not None:
            self.world.engines.cluster.settles_again = None
            self.world.table.index_lag = 0

    def before_call(self, name: str) -> None:
        if not self.armed or self.world is None:
            return
        if name in self.away and self.world.clock.now() < self.away[name]:
            raise Unavailable(f"the {name} is away")
        self._may_end(name)
        if len(self.wakes) < 2 and self.random.random() < self.odds.pause:
            now = self.world.clock.now()
            # One that falls asleep while another sleeps wakes no later: none may sleep beyond the late pass of tidying.
            wakes = min([now + timedelta(seconds=self.random.uniform(15, 90)), *self.wakes])
            self.wakes.append(wakes)
            self.world.advance(max(0.0, (wakes - now).total_seconds()))
            self.wakes.pop()

    def after_call(self, name: str) -> None:
        if self.armed:
            self._may_end(name)

    def copies(self, delay: float) -> list[float]:
        if not self.armed:
            return [delay]
        if self.random.random() < self.odds.loss:
            return []
        late = delay + self.random.uniform(0, 40) if self.random.random() < self.odds.late else delay
        return [late, late + self.random.uniform(0, 40)] if self.random.random() < self.odds.double else [late]

    def _may_end(self, name: str) -> None:
        if self.random.random() < self.odds.death:
            raise Death
        if self.random.random() < self.odds.failure:
            raise Unavailable(f"the {name} did not answer")


class _Faulty:
    """A port at whose calls something may go wrong: before (nothing was done) or after (it was, and nobody heard)."""

    def __init__(self, faults: Faults, name: str, port: Any) -> None:
        self._faults = faults
        self._name = name
        self._port = port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._faults.before_call(self._name)
            result = found(*args, **kwargs)
            self._faults.after_call(self._name)
            return result

        return call
