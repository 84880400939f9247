"""A lane: the order of the runs of one service. Pure rules; who loads and commits is `pipeline/lane.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from chalicelib.domain.deploys import Running
from chalicelib.domain.runs import DEPLOYING_KINDS, STRENGTHS, Outcome, Request, Run, RunKind, Strength, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The newest automatic intent that a pinned lane keeps back."""

    number: int
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    service_id: str
    intent: int = 0
    turn: int = 0
    builds: int = 0
    deploys: int = 0
    running: int = 0
    """The number of the run that holds the lane; 0: none does."""
    waiting: Mapping[int, int] = field(default_factory=dict)
    """The number of the run that waits, by strength."""
    held: Held | None = None
    active: Running | None = None
    previous: Running | None = None
    latest: int = 0
    """The newest run that builds or deploys: what `pipeline/status` shows."""
    pinned_by: int = 0
    """The number of the rollback that pinned it; 0: not pinned."""
    closed: bool = False
    """Torn down, or about to be: nothing is accepted any more."""
    version: int = 0
    audit_number: int = 0
    audit_head: str = ""

    @property
    def subject(self) -> str:
        """What its audit trail is filed under: apart from the service's own."""
        return f"{self.service_id}/lane"


@dataclass(frozen=True, slots=True)
class Admitted:
    """What becomes of a new request: it starts now or waits, and which runs end as superseded by it."""

    lane: Lane
    starts: bool
    displaced: tuple[int, ...] = ()


def holds_back(lane: Lane, request: Request) -> bool:
    """Whether a pinned lane keeps this request instead of making a run of it."""
    return bool(lane.pinned_by) and request.trigger is Trigger.PUSH


def held_back(lane: Lane, request: Request) -> Lane:
    """The lane that keeps `request`, the newest automatic one, until it is unpinned."""
    number = lane.intent + 1
    return replace(lane, intent=number, held=Held(number=number, request=request))


def without_outdated_held(lane: Lane, kind: RunKind) -> Lane:
    """The lane after a request of `kind` was accepted: on a lane that is not pinned, newer code replaces the request that was kept
    back, as it would replace one that waits."""
    newer_code = kind in STRENGTHS and STRENGTHS[kind] >= Strength.CODE
    return replace(lane, held=None) if newer_code and not lane.pinned_by else lane


def admit(lane: Lane, strength: Strength, holder: Run | None) -> Admitted:
    """The lane after a request of `strength` took the next number. `holder` is the run that holds the lane now."""
    number = lane.intent + 1
    lane = replace(lane, intent=number)
    displaced: list[int] = []
    if strength is Strength.TEARDOWN:
        displaced += sorted(lane.waiting.values())
        lane = replace(lane, waiting={}, closed=True, held=None)
    if holder is not None and not (holder.gives_way and strength >= holder.strength):
        if strength in lane.waiting:
            displaced.append(lane.waiting[strength])
        waiting = {**lane.waiting, int(strength): number}
        return Admitted(replace(lane, waiting=waiting), False, tuple(displaced))
    if holder is not None:
        displaced.append(holder.number)
    return Admitted(_given_to(lane, number), True, tuple(displaced))


@dataclass(frozen=True, slots=True)
class HandedOn:
    """What the end of a run does to its lane: who holds it next, and which waiting runs end with it."""

    lane: Lane
    next: int = 0
    included: tuple[int, ...] = ()
    superseded: tuple[int, ...] = ()
    take_held: bool = False
    """A pin was lifted that kept a request back which is still wanted."""


def hand_on(lane: Lane, ended: Run, outcome: Outcome, waiting: Sequence[Run], becomes: Running | None) -> HandedOn:
    """The lane after `ended` gave it up with `outcome`; `becomes` is what runs from now on, None for what ran before."""
    if becomes is not None:
        replaced = lane.active is None or becomes.deploy != lane.active.deploy
        lane = replace(lane, active=becomes, previous=lane.active if replaced else lane.previous)
    lane, take_held = pin_after(lane, ended, outcome)
    settled = outcome in {Outcome.SUCCEEDED, Outcome.UNCHANGED}
    done = [run for run in waiting if settled and _answered_by(ended, run)]
    superseded = tuple(run.number for run in done if _undone_by(ended, run))
    included = tuple(run.number for run in done if run.number not in superseded)
    left = {strength: number for strength, number in lane.waiting.items() if number not in (*included, *superseded)}
    lane = replace(lane, running=0, waiting=left)
    if not left:
        return HandedOn(lane, 0, included, superseded, take_held)
    strongest = max(left)
    number = left.pop(strongest)
    return HandedOn(_given_to(replace(lane, waiting=left), number), number, included, superseded, take_held)


def _given_to(lane: Lane, number: int) -> Lane:
    return replace(lane, turn=lane.turn + 1, running=number)


def _answered_by(ended: Run, waiting: Run) -> bool:
    """Whether an older, weaker wish needs no run of its own any more, now that `ended` is what runs."""
    if waiting.number > ended.number or waiting.strength >= ended.strength:
        return False
    if waiting.kind is RunKind.SCALE:
        return True  # counts are read when a roll-out begins, so it brought them along
    return ended.kind is not RunKind.PROMOTION  # which may have taken its config from elsewhere


def with_pin_to_restore(begun: Run, ended: Run) -> Run:
    """The next run as it begins when `ended` is over: should it be a rollback that fails too, it must not bring back the pin of one
    that failed before it."""
    failed = ended.outcome not in {Outcome.SUCCEEDED, Outcome.UNCHANGED}
    if RunKind.ROLLBACK is ended.kind is begun.kind and failed and begun.facts.get("pinned_before") == str(ended.number):
        return begun.noting(pinned_before=ended.facts.get("pinned_before", "0"))
    return begun


def _undone_by(ended: Run, waiting: Run) -> bool:
    """A rollback brings back the config of its time: a change that was asked for before it must not undo that."""
    return ended.kind is RunKind.ROLLBACK and waiting.kind is RunKind.CONFIG_ONLY


def pin_after(lane: Lane, ended: Run, outcome: Outcome) -> tuple[Lane, bool]:
    """The lane with its pin as `ended` leaves it, and whether a request that was held back is to be taken now."""
    settled = outcome in {Outcome.SUCCEEDED, Outcome.UNCHANGED}
    if ended.kind is RunKind.ROLLBACK and not settled and lane.pinned_by == ended.number:
        before = int(ended.facts.get("pinned_before", "0"))
        lane = replace(lane, pinned_by=before)
        return lane, lane.held is not None and not before
    lifts = ended.kind in DEPLOYING_KINDS - {RunKind.ROLLBACK, RunKind.CONFIG_ONLY} and ended.request.trigger is Trigger.HAND
    if settled and lifts and lane.pinned_by and lane.pinned_by < ended.number:
        still_wanted = lane.held is not None and lane.held.number > ended.number
        return replace(lane, pinned_by=0, held=lane.held if still_wanted else None), still_wanted
    return lane, False
