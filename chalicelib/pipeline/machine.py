"""The runner: load the run, check that the look was sent for this version of it, do one step, commit, send the next look.

message {run, version} ──► load run ──► other version ──► dropped (a redelivery that finds a newer one: one look, later)
                              │
                              ▼ same version
                 time used up ──► Fail ─┐
                              │         │
                              ▼         ▼
                 STEPS[stage](run, ports) ──► Go │ Wait │ Fail │ End ──► commit under the version read ──► next look
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain import keys
from chalicelib.domain.errors import AnclaError
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Run, Stage
from chalicelib.pipeline import lane as lanes
from chalicelib.pipeline.backoff import retry
from chalicelib.pipeline.lane import Moves
from chalicelib.pipeline.looks import GRACE, look_at_run, run_key, send
from chalicelib.pipeline.outcome import End, Fail, Go, StepResult, Wait, fail
from chalicelib.pipeline.overtime import out_of_time
from chalicelib.pipeline.slices import Slice
from chalicelib.pipeline.steps import STEPS
from chalicelib.pipeline.work import NEVER_GIVEN_UP, REVERTING, TERMS, overdue, stage_ends, work_of
from chalicelib.ports import Ports
from chalicelib.ports.cluster import Rejected
from chalicelib.ports.queue import MAX_DELAY, Work
from chalicelib.ports.store import Put, StoreConflict, get_one

log = logging.getLogger(__name__)

CONFLICT_TRIES = 5


def look(ports: Ports, work: Work, body: Mapping[str, Any], *, receive_count: int, until: datetime) -> None:
    """Does what a message of a run asks for. `until`: when this invocation has to be over."""
    run = get_one(ports.store, run_key(str(body["run"])))
    if run is None:
        return
    version = int(body["version"])
    if run.finished or run.stage is Stage.WAITING:
        _look_at_holder(ports, run)
        if run.version == version and not run.finished:
            _one_step(ports, run, Slice(ports.clock, until))
    elif run.version != version:
        if receive_count > 1 and run.version > version:
            # The worker may have died between its commit and its next look.
            send(ports.queue, look_at_run(run, delay=_until_due(ports, run)))
    elif work_of(run.stage) is not work:
        send(ports.queue, look_at_run(run))
    else:
        _advance(ports, work, run, until)


def _advance(ports: Ports, work: Work, run: Run, until: datetime) -> None:
    """Steps on while the next stage is the same kind of work and time is left."""
    current: Run | None = run
    while current is not None:
        current = _one_step(ports, current, Slice(ports.clock, until))
        if current is None:
            return
        if work_of(current.stage) is not work or not Slice(ports.clock, until).left():
            send(ports.queue, look_at_run(current))
            return


def _one_step(ports: Ports, run: Run, time: Slice) -> Run | None:
    """One step and its commit; the run as committed when it can be stepped on at once, else None."""
    for _ in range(CONFLICT_TRIES):
        try:
            return _commit(ports, run, _result(ports, run, time))
        except StoreConflict:
            # Ours was outrun: by another look at this run (then we are done), or at another record (then decide again).
            latest = get_one(ports.store, keys.run(run.owner, run.number))
            if latest is None or latest.version != run.version:
                return None
    send(ports.queue, look_at_run(run, delay=1))
    return None


def _result(ports: Ports, run: Run, time: Slice) -> StepResult:
    now = ports.clock.now()
    if overdue(run, now):
        return _out_of_time(run)
    try:
        result = STEPS[run.stage](run, ports, replace(time, stage_ends=stage_ends(run)))
    except StoreConflict:
        raise
    except Rejected as rejected:
        return _rejected(run, rejected, ports.clock.now())
    except Exception as error:  # noqa: BLE001  (the boundary: whatever is wrong on our side is tried again)
        return _tried_again(run, error, ports.clock.now())
    if isinstance(result, Wait) and result.run.attempts:
        return replace(result, run=replace(result.run, attempts=0))  # only exceptions in a row count
    return result


def _out_of_time(run: Run) -> Fail:
    if run.stage in REVERTING:
        log.error("run %s could not put back in time what was active before: a reconcile chore goes on", run.ref)
    return out_of_time(run)


def _rejected(run: Run, rejected: Rejected, now: datetime) -> StepResult:
    """What the cluster refuses is the user's to mend; but what ran before was taken once, and what is deleted has to go."""
    if run.stage in REVERTING | NEVER_GIVEN_UP:
        return _tried_again(run, rejected, now)
    return fail(run, "manifest_rejected", f"the cluster refused it: {rejected.message}", "mend what the cluster names, then deploy again")


def _tried_again(run: Run, error: Exception, now: datetime) -> Wait:
    """An exception is ours: noted, and tried again after a while that grows, but not after the stage's time is up."""
    log.warning("run %s failed at %s, attempt %d", run.ref, run.stage.value, run.attempts + 1, exc_info=error)
    said = error.message if isinstance(error, AnclaError) else type(error).__name__
    attempts = run.attempts + 1
    ends = stage_ends(run)
    left = (ends - now).total_seconds() if ends else math.inf
    return Wait(max(0.0, min(retry(attempts), left)), replace(run, attempts=attempts).noting(last_error=said[:300]))


def _commit(ports: Ports, run: Run, result: StepResult) -> Run | None:
    match result:
        case Go():
            return _go(ports, run, result)
        case Wait():
            _wait(ports, run, result)
        case End():
            _end(ports, lanes.ending(ports, result))
        case Fail() if TERMS[run.stage].reverts:
            return _go(ports, run, Go(Stage.SALVAGE, replace(result.run, failure=result.failure)))
        case Fail():
            _end(ports, lanes.ending(ports, result))
    return None


def _go(ports: Ports, run: Run, go: Go) -> Run:
    now = ports.clock.now()
    moved = go.run.at(go.to, now)
    if not go.changes and go.run == run and TERMS[go.to].work is TERMS[run.stage].work:
        return moved  # nothing to tell apart after a death: the next commit carries it
    moved = replace(moved, look_at=now + timedelta(seconds=GRACE))
    ports.store.commit([Put(moved), *go.changes])
    return replace(moved, version=moved.version + 1)


def _wait(ports: Ports, run: Run, wait: Wait) -> None:
    look_at = ports.clock.now() + timedelta(seconds=wait.seconds + GRACE)
    waiting = replace(wait.run, look_at=look_at)
    ports.store.commit([Put(waiting), *wait.changes])
    send(ports.queue, look_at_run(waiting, ahead=1, delay=min(wait.seconds, MAX_DELAY)))


def _end(ports: Ports, moves: Moves) -> None:
    ports.store.commit(moves.changes)
    for due in moves.looks:
        send(ports.queue, due)


def _look_at_holder(ports: Ports, run: Run) -> None:
    """A look at a run that does nothing (any more) passes on to the one that its lane holds now."""
    lane: Lane | None = get_one(ports.store, keys.lane(run.owner))
    if lane is None or not lane.running or lane.running == run.number:
        return
    holder = get_one(ports.store, keys.run(run.owner, lane.running))
    if holder is not None and not holder.finished:
        # Whoever has it in hand commits a later version before it is due, and this look is void: no two watch one roll-out.
        send(ports.queue, look_at_run(holder, delay=_until_due(ports, holder)))


def _until_due(ports: Ports, run: Run) -> float:
    """Seconds until the run should be looked at, as its record says."""
    return min(max((run.look_at - ports.clock.now()).total_seconds(), 0.0), MAX_DELAY)
