"""Ports through which strange things happen: a worker sleeps in the middle of a call, a message is put twice, the clock is ahead.

Each passes on all that it is asked to the port below it, which is the product's own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.ports import Ports
from chalicelib.ports.clock import Clock
from chalicelib.ports.queue import MAX_DELAY, Queue, Work

ENGINES = ("source", "builder", "registry", "vault", "cluster", "catalog", "notifier")
LOOK_EVERY = 0.2
LATEST_COPY = 2.0
"""Seconds: the second copy of a message comes at the same time as the first, or up to so much later."""

working: ContextVar[tuple[str, int] | None] = ContextVar("working", default=None)
"""The service (its slug) and the number of the run that this thread works on."""
_slept_for: ContextVar[str] = ContextVar("slept_for", default="")
"""The service for which this thread's work was held up."""


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Where the first worker that comes there falls asleep: at a call of a port on behalf of one run of one service."""

    service: str
    run: int
    call: str
    """Such as `cluster.apply`."""
    mentions: Sequence[str] = ()
    """Only a call whose arguments mention all of these."""
    after: bool = False
    """Whether it sleeps when the call is done, and nobody has heard of it yet."""


class Bedroom:
    """Where workers sleep until they are woken: by files in `folder`, so that a story in another process can see and wake them.

    SERVICE.asleep    a worker fell asleep (the only one of this service, whatever comes after it)
    SERVICE.wake      it is to wake
    SERVICE.over      it has done all that it was about to do
    """

    def __init__(self, folder: Path, holds: Sequence[Hold] = ()) -> None:
        self._folder = folder
        self._holds = {hold.service: hold for hold in holds}

    def hold_at(self, call: str, arguments: Any) -> Hold | None:
        """The hold that is meant for this call of this thread's."""
        service, run = working.get() or ("", 0)
        hold = self._holds.get(service)
        if hold is None or (hold.run, hold.call) != (run, call):
            return None
        told = repr(arguments)
        return hold if all(part in told for part in hold.mentions) else None

    def sleep(self, hold: Hold) -> None:
        """Until somebody wakes it; at once where a worker of this service has fallen asleep before."""
        try:
            (self._folder / f"{hold.service}.asleep").touch(exist_ok=False)
        except FileExistsError:
            return
        _slept_for.set(hold.service)
        while not (self._folder / f"{hold.service}.wake").exists():
            time.sleep(LOOK_EVERY)

    def worked(self, work: Callable[[], None]) -> None:
        """Does `work`; where its worker slept in the middle of it, says that it is over."""
        try:
            work()
        finally:
            if _slept_for.get():
                (self._folder / f"{_slept_for.get()}.over").touch()

    def asleep(self, service: str) -> bool:
        return (self._folder / f"{service}.asleep").exists()

    def wake(self, service: str) -> None:
        (self._folder / f"{service}.wake").touch()

    def over(self, service: str) -> bool:
        return (self._folder / f"{service}.over").exists()


class HoldingPort:
    """A port in whose calls workers fall asleep."""

    def __init__(self, name: str, port: Any, bedroom: Bedroom) -> None:
        self._name = name
        self._port = port
        self._bedroom = bedroom

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._port, name)

        def call(*arguments: Any, **named: Any) -> Any:
            hold = self._bedroom.hold_at(f"{self._name}.{name}", (arguments, named))
            if hold is not None and not hold.after:
                self._bedroom.sleep(hold)
            answer = asked(*arguments, **named)
            if hold is not None and hold.after:
                self._bedroom.sleep(hold)
            return answer

        return call


class HoldingEngines:
    def __init__(self, engines: Any, bedroom: Bedroom) -> None:
        self._engines = engines
        self._bedroom = bedroom

    def __getattr__(self, name: str) -> Any:
        engine = getattr(self._engines, name)
        return HoldingPort(name, engine, self._bedroom) if name in ENGINES else engine


class DoublingQueue:
    """Puts each message twice, the second one at once or a little later."""

    def __init__(self, queue: Queue, chance: random.Random) -> None:
        self._queue = queue
        self._chance = chance

    def send(self, work: Work, body: Mapping[str, Any], *, delay: float = 0) -> None:
        for later in (0.0, self._chance.choice((0.0, self._chance.uniform(0, LATEST_COPY)))):
            self._queue.send(work, body, delay=min(delay + later, MAX_DELAY))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


class AheadClock:
    """A clock that is so many seconds ahead of `clock`."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self._clock.now() + self._ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)


def with_held_workers(ports: Ports, bedroom: Bedroom) -> Ports:
    engines: Any = HoldingEngines(ports.engines, bedroom)
    store: Any = HoldingPort("store", ports.store, bedroom)
    logs: Any = HoldingPort("logs", ports.logs, bedroom)
    return replace(ports, engines=engines, store=store, logs=logs)


def with_doubled_messages(ports: Ports) -> Ports:
    queue: Any = DoublingQueue(ports.queue, random.Random(0))
    return replace(ports, queue=queue)


def with_clock_ahead(ports: Ports, seconds: float) -> Ports:
    clock: Any = AheadClock(ports.clock, seconds)
    return replace(ports, clock=clock)
