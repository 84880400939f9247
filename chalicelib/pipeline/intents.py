"""Accepting what somebody wants: from here on it happens by itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain import keys
from chalicelib.domain.audit import audited
from chalicelib.domain.builds import Build
from chalicelib.domain.chores import ChoreKind
from chalicelib.domain.errors import Conflict, Unavailable
from chalicelib.domain.hierarchy import Environment, Project, Service
from chalicelib.domain.lanes import Admitted, Lane, admit, held_back, holds_back, pin_after, without_outdated_held
from chalicelib.domain.runs import (
    DEPLOYING_KINDS,
    STRENGTHS,
    Outcome,
    Request,
    Run,
    RunKind,
    Stage,
    first_stage,
)
from chalicelib.pipeline.attempts import repeated
from chalicelib.pipeline.lane import Entry, Moves, displaced, end_entry, may_have_a_build, new_chore, put_lane, started
from chalicelib.pipeline.looks import look_at_run, send
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Check, Delete, Put, get_one

log = logging.getLogger(__name__)

LOOK_AGAIN = 15.0
"""Seconds after which a look comes even if the accepting process died right after its commit."""
WAITING_LOOK = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The run that was made, or `held`: the lane is pinned and keeps the request until it is unpinned."""

    run: Run | None
    held: bool = False


def accept(ports: Ports, service: Service, request: Request, *, changes: Sequence[Change] = ()) -> Accepted:
    """Makes a run of `request`, or keeps it back on a pinned lane. `changes` go into the same commit. Raises Conflict: code
    `service_closing` when the service is being deleted, StaleWrite when `changes` rest on old versions."""
    theirs = {change.key if isinstance(change, Check) else keys.key_of(change.record) for change in changes}
    return repeated(lambda: _accept_on(ports, _load(ports, service), request, changes), theirs=theirs)


def accept_tree(ports: Ports, record: Environment | Project, by: str) -> Run:
    """Begins the deletion of an environment or a project with all that is in it; the one that goes on already, if there is one."""
    number = 1
    existing: Run | None = get_one(ports.store, keys.run(record.id, number))
    if existing is not None:
        return existing
    now = ports.clock.now()
    request = Request(kind=RunKind.TEARDOWN_TREE, by=by)
    run = started(
        Run(
            owner=record.id,
            number=number,
            id=ports.clock.new_id(),
            address=record.address,
            request=request,
            accepted=now,
            stage_since=now,
            look_at=now,
        ),
        0,
        now,
    )
    closing, entry = audited(replace(record, closing=True), subject=record.id, at=now, by=by, action="delete")
    _commit_and_look(ports, Moves([Put(run), Put(closing), Put(entry)]), run)
    return replace(run, version=1)


def pin(ports: Ports, service: Service, by: str) -> Lane:
    """From now on pushes make no runs; the newest is kept until the lane is unpinned. The pin takes the next number: it is newer than
    any rollback that pins too, and so stays when that fails."""

    def pinned() -> Lane:
        lane, _ = _load(ports, service)
        return _put_lane(ports, replace(lane, intent=lane.intent + 1, pinned_by=lane.intent + 1), by, "pin")

    return repeated(pinned)


def unpin(ports: Ports, service: Service, by: str) -> Accepted | None:
    """Lifts the pin and accepts, in the same commit, the request that was kept back: None when there is none."""

    def unpinned() -> Accepted | None:
        lane, current = _load(ports, service)
        free = replace(lane, pinned_by=0)
        if free.held is None:
            _put_lane(ports, free, by, "unpin")
            return None
        return _accept_on(ports, (free, current), free.held.request, (), Entry(by, "unpin", {}))

    return repeated(unpinned)


def take_held(ports: Ports, service: Service) -> Accepted | None:
    """Accepts the request that the lane kept back, unless it is pinned again or nothing is kept (any more)."""

    def taken() -> Accepted | None:
        lane, current = _load(ports, service)
        return None if lane.held is None or lane.pinned_by else _accept_on(ports, (lane, current), lane.held.request, ())

    return repeated(taken)


def _accept_on(ports: Ports, loaded: tuple[Lane, Service], request: Request, changes: Sequence[Change], *before: Entry) -> Accepted:
    """One try, on the lane and the service as they were loaded. `before`: audit entries of what led to it."""
    lane, service = loaded
    now = ports.clock.now()
    moves = Moves(list(changes))
    if not any(isinstance(c, Put | Delete) and keys.key_of(c.record) == keys.key_of(service) for c in changes):
        closing = request.kind is RunKind.TEARDOWN
        moves.changes.append(Put(replace(service, closing=True)) if closing else Check(keys.key_of(service), service.version))
    if holds_back(lane, request):
        kept = held_back(lane, request)
        put_lane(moves, kept, Entry(request.by, f"{request.kind.value}.held", {"held": str(kept.intent)}), at=now)
        ports.store.commit(moves.changes)
        return Accepted(None, held=True)
    run = _take_place(ports, moves, lane, service, request, now, before)
    _commit_and_look(ports, moves, run)
    return Accepted(replace(run, version=1))


def _commit_and_look(ports: Ports, moves: Moves, run: Run) -> None:
    """A look later, the commit, a look now: a death at any point leaves nothing, or a run that somebody will look at."""
    look = look_at_run(run, ahead=1)
    send(ports.queue, replace(look, delay=LOOK_AGAIN))
    ports.store.commit(moves.changes)
    try:
        for due in (*moves.looks, look):
            send(ports.queue, due)
    except Unavailable as error:
        # It is accepted all the same, and the caller must not ask again: the later look or the sweep comes to it.
        log.warning("no look could be sent at run %s yet: %s", run.ref, error.message)


def _load(ports: Ports, service: Service) -> tuple[Lane, Service]:
    lane, current = ports.store.get([keys.lane(service.id), keys.service(service.address)])
    if current is None or current.id != service.id or current.closing or (lane is not None and lane.closed):
        raise Conflict(
            f"the service {service.address} is being deleted",
            code="service_closing",
            hint="wait until it is gone, then create it again",
        )
    return lane or Lane(service_id=service.id), current


def _take_place(ports: Ports, moves: Moves, lane: Lane, service: Service, request: Request, now: datetime, before: Sequence[Entry]) -> Run:
    """The new run with its place in the lane; what it displaces, its build and the lane are added to `moves`."""
    admitted = _admitted(ports, lane, request)
    moved = admitted.lane
    number = moved.intent
    run = Run(
        owner=service.id,
        number=number,
        id=ports.clock.new_id(),
        address=service.address,
        request=request,
        deploy_id=ports.clock.new_id() if request.kind in DEPLOYING_KINDS else "",
        accepted=now,
        stage_since=now,
        look_at=now + WAITING_LOOK,
    ).noting(timeout=service.deployment_timeout)
    losers = _displaced_runs(ports, moves, admitted, service.id, number, now)
    for loser in losers:
        moved, _ = pin_after(moved, loser, Outcome.SUPERSEDED)
    if request.kind is RunKind.ROLLBACK:
        run = run.noting(pinned_before=moved.pinned_by)
        moved = replace(moved, pinned_by=number)
    moved = without_outdated_held(moved, request.kind)
    # A build alone leaves the status to a deploy that is under way: its followers would never see the end of it.
    if request.kind in DEPLOYING_KINDS or (request.kind is RunKind.BUILD_ONLY and not lane.running):
        moved = replace(moved, latest=number)
    run, moved = _with_build(ports, moves, run, moved, service, now)
    if admitted.starts:
        run = started(run, moved.turn if request.kind in STRENGTHS else 0, now)
    accepted = Entry(request.by, request.kind.value, {"run": str(number), "trigger": request.trigger.value})
    put_lane(moves, moved, *before, accepted, *(end_entry(loser) for loser in losers), at=now)
    moves.changes.append(Put(run))
    return run


def _admitted(ports: Ports, lane: Lane, request: Request) -> Admitted:
    if request.kind not in STRENGTHS:  # a build moves nothing, so it needs no turn
        return Admitted(replace(lane, intent=lane.intent + 1), True)
    holder: Run | None = get_one(ports.store, keys.run(lane.service_id, lane.running)) if lane.running else None
    return admit(lane, STRENGTHS[request.kind], holder)


def _displaced_runs(ports: Ports, moves: Moves, admitted: Admitted, owner: str, by: int, now: datetime) -> list[Run]:
    """The runs that end because of this one. A build that was begun for one of them is ended for real."""
    if not admitted.displaced:
        return []
    losers: list[Run] = [run for run in ports.store.get([keys.run(owner, n) for n in admitted.displaced]) if run is not None]
    for loser in losers:
        if may_have_a_build(loser):
            moves.put_chore(new_chore(loser, ChoreKind.END_BUILD, now))
    return displaced(ports, moves, losers, by, now)


def _with_build(ports: Ports, moves: Moves, run: Run, lane: Lane, service: Service, now: datetime) -> tuple[Run, Lane]:
    """The run with the number and id of its build: the caller is told them at once."""
    request = run.request
    if first_stage(request) is not Stage.RESOLVE:
        return (replace(run, build=request.build) if request.build else run), lane
    lane = replace(lane, builds=lane.builds + 1)
    build = Build(
        service_id=service.id,
        number=lane.builds,
        id=ports.clock.new_id(),
        strategy=request.strategy or service.build_strategy,
        ref=request.ref,
        created=now,
        updated=now,
    )
    moves.changes.append(Put(build))
    return replace(run, build=build.number, build_id=build.id), lane


def _put_lane(ports: Ports, lane: Lane, by: str, action: str) -> Lane:
    moves = Moves()
    put_lane(moves, lane, Entry(by, action, {}), at=ports.clock.now())
    ports.store.commit(moves.changes)
    return lane
