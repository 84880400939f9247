"""Loads what the lane's rules need, and turns what they say into one commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.domain import keys
from chalicelib.domain.audit import audited
from chalicelib.domain.builds import Build, BuildState
from chalicelib.domain.chores import Chore, ChoreKind
from chalicelib.domain.deploys import Deploy, DeployState
from chalicelib.domain.failures import Failure
from chalicelib.domain.lanes import HandedOn, Lane, hand_on, with_pin_to_restore
from chalicelib.domain.retention import outgrown
from chalicelib.domain.runs import BUILDING_KINDS, DEPLOYING_KINDS, Outcome, Run, RunKind, Stage, first_stage
from chalicelib.pipeline.looks import GRACE, Look, look_at_chore, look_at_run
from chalicelib.pipeline.outcome import End, Fail
from chalicelib.pipeline.work import RUN_LIMIT
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Put, get_one

PULL_GRANT_HALF_LIFE = timedelta(days=15)
"""Pull credentials are good for 30 days and renewed at half of that."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a lane's audit trail."""

    by: str
    action: str
    detail: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trail:
    """The length and the head of an audit trail, apart from any record."""

    audit_number: int = 0
    audit_head: str = ""


@dataclass(slots=True)
class Moves:
    """Changes for one commit, and the looks to send once it is done."""

    changes: list[Change] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)

    def put_chore(self, chore: Chore, *, delay: float = 0) -> None:
        self.changes.append(Put(chore))
        self.looks.append(look_at_chore(chore, ahead=1, delay=delay))


def started(run: Run, turn: int, now: datetime) -> Run:
    """The run at its first stage, its time running from now on."""
    begun = run.at(first_stage(run.request), now)
    return replace(begun, turn=turn, started=now, deadline=now + RUN_LIMIT, look_at=now + timedelta(seconds=GRACE))


def ending(ports: Ports, result: End | Fail) -> Moves:
    """The commit that ends a run: itself, its build and deploy, its lane and who gets it next, the audit record, and the chores."""
    run, now = result.run, ports.clock.now()
    moves = Moves()
    outcome = Outcome.FAILED if isinstance(result, Fail) else result.outcome
    if isinstance(result, Fail):
        ended = finished(run, outcome, now, failure=result.failure)
    else:
        ended = finished(run, outcome, now, detail=result.detail)
        moves.changes.extend(result.changes)
    moves.changes.append(Put(ended))
    changed = {keys.key_of(change.record) for change in moves.changes if isinstance(change, Put)}
    moves.changes.extend(put for put in _settled_records(ports, [ended], now) if keys.key_of(put.record) not in changed)
    lane: Lane | None = get_one(ports.store, keys.lane(run.owner))
    if lane is None:  # of an environment or a project
        moves.changes.append(_entry_after_newest(ports, run.owner, end_entry(ended), now))
        return moves
    handed = HandedOn(lane)
    over = [ended]
    if lane.running == run.number:
        becomes = result.becomes if isinstance(result, End) else None
        waiting = _load_runs(ports, run.owner, lane.waiting.values())
        handed = hand_on(lane, ended, outcome, waiting, becomes)
        over += _pass_on(moves, ended, handed, waiting, now)
    put_lane(moves, handed.lane, *(end_entry(gone) for gone in over), at=now)
    for chore in _chores_after(ended, handed, now, kept=ports.settings.kept_deploys):
        moves.put_chore(chore)
    if handed.lane.active is not None and handed.lane.active.run == ended.number:
        moves.changes.append(Put(replace(new_chore(ended, ChoreKind.RENEW, now), look_at=now + PULL_GRANT_HALF_LIFE)))
    return moves


def finished(run: Run, outcome: Outcome, now: datetime, *, detail: str = "", failure: Failure | None = None) -> Run:
    """The run as it stays."""
    return replace(run, stage=Stage.FINISHED, outcome=outcome, outcome_detail=detail, failure=failure or run.failure, finished_at=now)


def put_lane(moves: Moves, lane: Lane, *entries: Entry, at: datetime) -> None:
    """Adds the lane to the commit, its audit trail moved on by `entries`."""
    for entry in entries:
        lane, record = audited(lane, subject=lane.subject, at=at, by=entry.by, action=entry.action, **entry.detail)
        moves.changes.append(Put(record))
    moves.changes.append(Put(lane))


def _entry_after_newest(ports: Ports, subject: str, entry: Entry, at: datetime) -> Put:
    """The next entry of a trail whose record may be gone by now: it follows the newest one that is there."""
    newest = ports.store.query(*keys.audit_trail(subject), newest_first=True, limit=1).items
    trail = Trail(newest[0].number, newest[0].hash) if newest else Trail()
    return Put(audited(trail, subject=subject, at=at, by=entry.by, action=entry.action, **entry.detail)[1])


def end_entry(run: Run) -> Entry:
    """What the audit trail says of a run's end."""
    outcome = (run.outcome or Outcome.FAILED).value
    return Entry("ancla", f"{run.kind.value}.ended", {"run": str(run.number), "outcome": outcome})


def displaced(ports: Ports, moves: Moves, runs: Sequence[Run], by: int, now: datetime) -> list[Run]:
    """`runs` as they end, superseded by the run with number `by`; they and their builds are added to `moves`."""
    ended = [finished(run, Outcome.SUPERSEDED, now, detail=f"a newer request (run {by}) took over") for run in runs]
    moves.changes += [*(Put(run) for run in ended), *_settled_records(ports, ended, now)]
    return ended


def _pass_on(moves: Moves, ended: Run, handed: HandedOn, waiting: Sequence[Run], now: datetime) -> list[Run]:
    """Puts the runs that wait: one begins, and those that end with `ended` are returned."""
    over: list[Run] = []
    for run in waiting:
        if run.number == handed.next:
            begun = with_pin_to_restore(started(run, handed.lane.turn, now), ended)
            moves.changes.append(Put(begun))
            moves.looks.append(look_at_run(begun, ahead=1))
        elif run.number in handed.included:
            detail = f"included in deploy {ended.deploy}" if ended.deploy else f"included in run {ended.number}"
            over.append(finished(run, Outcome.INCLUDED, now, detail=detail))
        elif run.number in handed.superseded:
            over.append(finished(run, Outcome.SUPERSEDED, now, detail=f"the rollback (run {ended.number}) came after it"))
    moves.changes += [Put(run) for run in over]
    return over


def _load_runs(ports: Ports, owner: str, numbers: Iterable[int]) -> list[Run]:
    wanted = [keys.run(owner, number) for number in numbers]
    return [run for run in ports.store.get(wanted) if run is not None] if wanted else []


def _settled_records(ports: Ports, ended: Sequence[Run], now: datetime) -> list[Put]:
    """The builds and deploys of ended runs with their outcome, where they have none yet."""
    wanted: list[tuple[Run, keys.Key[Build] | keys.Key[Deploy]]] = []
    for run in ended:
        if run.build and run.builds_itself:
            wanted.append((run, keys.build(run.owner, run.build)))
        if run.deploy and run.kind in DEPLOYING_KINDS:
            wanted.append((run, keys.deploy(run.owner, run.deploy)))
    if not wanted:
        return []
    changes: list[Put] = []
    for (run, _), record in zip(wanted, ports.store.get([key for _, key in wanted]), strict=True):
        if isinstance(record, Build) and record.state in {BuildState.PENDING, BuildState.BUILDING}:
            changes.append(Put(_settled_build(record, run, now)))
        if isinstance(record, Deploy) and record.state is DeployState.PENDING and record.run == run.number:
            changes.append(Put(_settled_deploy(record, run, now)))
    return changes


def _settled_build(build: Build, run: Run, now: datetime) -> Build:
    if run.outcome is Outcome.SUPERSEDED:
        return replace(build, state=BuildState.SUPERSEDED, error_detail=run.outcome_detail, updated=now)
    failure = run.failure
    if failure is None:  # it ended well without an image of its own
        return replace(build, state=BuildState.SUPERSEDED, error_detail=run.outcome_detail, updated=now)
    return replace(build, state=BuildState.FAILED, error_code=failure.code, error_detail=failure.detail, hint=failure.hint, updated=now)


def _settled_deploy(deploy: Deploy, run: Run, now: datetime) -> Deploy:
    state = {Outcome.SUCCEEDED: DeployState.COMPLETE, Outcome.SUPERSEDED: DeployState.SUPERSEDED}.get(
        run.outcome or Outcome.FAILED, DeployState.FAILED
    )
    return replace(deploy, state=state, failure=run.failure, updated=now)


_ANCHORING = {Stage.PREFLIGHT.value, Stage.ANCHOR.value, Stage.TAKE_DOWN.value}
"""Who came to these may have left an anchor, even if it never heard so. Preflight is one of them: a worker goes on from it without a
commit, and where it dies at the anchor, its run is still at preflight."""


def may_have_a_build(run: Run) -> bool:
    """Whether the builder may know of the run: a worker goes on from reuse without a commit too."""
    passed = run.passed.keys()
    return Stage.BUILD.value in passed or (Stage.REUSE.value in passed and Stage.SNAPSHOT.value not in passed)


_ADDING = {Outcome.SUCCEEDED, Outcome.UNCHANGED}
"""Such an end may leave one more image or snapshot behind."""


def _chores_after(ended: Run, handed: HandedOn, now: datetime, *, kept: int) -> list[Chore]:
    """What is left to do once the outcome of `ended` is settled."""
    wanted: list[ChoreKind] = []
    left_an_image = ended.kind is RunKind.BUILD_ONLY and handed.lane.closed  # which the teardown may have come too early for
    if _ANCHORING & ended.passed.keys() or left_an_image:
        wanted.append(ChoreKind.TIDY)
    if may_have_a_build(ended):
        wanted.append(ChoreKind.END_BUILD)
    if ended.kind in DEPLOYING_KINDS and ended.outcome in {Outcome.SUCCEEDED, Outcome.FAILED}:
        wanted.append(ChoreKind.ANNOUNCE)
    if ended.facts.get("reconcile"):
        wanted.append(ChoreKind.RECONCILE)
    if ended.kind in BUILDING_KINDS | DEPLOYING_KINDS and ended.outcome in _ADDING and outgrown(handed.lane, kept):
        wanted.append(ChoreKind.RETIRE)
    if handed.take_held:
        wanted.append(ChoreKind.TAKE_HELD)
    return [new_chore(ended, kind, now) for kind in wanted]


def new_chore(run: Run, kind: ChoreKind, now: datetime, **facts: str) -> Chore:
    return Chore(
        service_id=run.owner,
        kind=kind,
        number=run.number,
        turn=run.turn,
        facts={"address": str(run.address), "since": now.isoformat(), **facts},
        look_at=now + timedelta(seconds=GRACE),
    )
