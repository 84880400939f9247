"""The messages of the pipeline: each says which record to look at, and for which version of it it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain import keys
from chalicelib.domain.chores import Chore, ChoreKind
from chalicelib.domain.keys import Key
from chalicelib.domain.runs import Run
from chalicelib.pipeline.work import work_of
from chalicelib.ports.queue import Queue, Work

GRACE = 12
"""Seconds after which somebody else looks at what a worker had in hand: a function lives no longer."""


@dataclass(frozen=True, slots=True)
class Look:
    """A message to be sent once the commit that it speaks of is done."""

    work: Work
    body: Mapping[str, Any]
    delay: float = 0


def look_at_run(run: Run, *, delay: float = 0, ahead: int = 0) -> Look:
    """The look for `run`: for the version it is at, or `ahead` commits on."""
    return Look(work_of(run.stage), {"run": run.ref, "version": run.version + ahead}, delay)


def look_at_chore(chore: Chore, *, delay: float = 0, ahead: int = 0) -> Look:
    return Look(Work.CHORES, {"chore": chore.ref, "version": chore.version + ahead}, delay)


def send(queue: Queue, look: Look) -> None:
    queue.send(look.work, look.body, delay=look.delay)


def run_key(ref: str) -> Key[Run]:
    """The key of the run that a message names."""
    owner, number = ref.split("/")
    return keys.run(owner, int(number))


def chore_key(ref: str) -> Key[Chore]:
    service_id, kind, number = ref.split("/")
    return keys.chore(service_id, ChoreKind(kind), int(number))
