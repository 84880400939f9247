"""Which kind of work each stage is, and how long it may take: what decides where a look is sent, and when a run fails by time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.hierarchy import DEFAULT_DEPLOYMENT_TIMEOUT
from chalicelib.domain.runs import Run, Stage
from chalicelib.ports.queue import Work

RUN_LIMIT = timedelta(hours=2)
"""From its turn on, a whole run may take no longer than this."""


@dataclass(frozen=True, slots=True)
class Terms:
    """`limit`: seconds that a run may stay at the stage; None: the service's own deployment timeout; without meaning where it is never
    given up. `reverts`: the run may have moved something outside by then, so a failure has to put it back."""

    work: Work
    limit: int | None = 60
    reverts: bool = False


TERMS: dict[Stage, Terms] = {
    Stage.WAITING: Terms(Work.PLAN),
    Stage.RESOLVE: Terms(Work.PLAN),
    Stage.REUSE: Terms(Work.PLAN),
    Stage.BUILD: Terms(Work.BUILD, 120),
    Stage.WATCH_BUILD: Terms(Work.BUILD, 1800),
    Stage.SNAPSHOT: Terms(Work.PLAN, 120),
    Stage.PREFLIGHT: Terms(Work.ROLL_OUT, 120),
    Stage.ANCHOR: Terms(Work.ROLL_OUT, 120),
    Stage.PREPARE: Terms(Work.ROLL_OUT, 120, reverts=True),
    Stage.RELEASE: Terms(Work.ROLL_OUT, 120, reverts=True),
    Stage.WATCH_RELEASE: Terms(Work.ROLL_OUT, None, reverts=True),
    Stage.ROLL_OUT: Terms(Work.ROLL_OUT, 120, reverts=True),
    Stage.WATCH_ROLL_OUT: Terms(Work.ROLL_OUT, None, reverts=True),
    Stage.REGISTER: Terms(Work.ROLL_OUT, 120, reverts=True),
    Stage.ACTIVATE: Terms(Work.ROLL_OUT, 120, reverts=True),
    Stage.SALVAGE: Terms(Work.ROLL_OUT, 120),
    Stage.REVERT: Terms(Work.ROLL_OUT, 120),
    Stage.WATCH_REVERT: Terms(Work.ROLL_OUT, 300),
    Stage.TAKE_DOWN: Terms(Work.ROLL_OUT),
    Stage.WATCH_TAKE_DOWN: Terms(Work.ROLL_OUT),
    Stage.PURGE: Terms(Work.ROLL_OUT),
    Stage.FAN_OUT: Terms(Work.PLAN),
    Stage.WATCH_FAN_OUT: Terms(Work.PLAN),
}

REVERTING = frozenset({Stage.SALVAGE, Stage.REVERT, Stage.WATCH_REVERT})

NEVER_GIVEN_UP = frozenset({Stage.TAKE_DOWN, Stage.WATCH_TAKE_DOWN, Stage.PURGE, Stage.FAN_OUT, Stage.WATCH_FAN_OUT})
"""There is nothing to go back to from a teardown: it is tried again, however long an engine is away."""


def work_of(stage: Stage) -> Work:
    return TERMS[stage].work if stage in TERMS else Work.PLAN


def stage_limit(run: Run) -> timedelta:
    """How long the run may stay at its stage."""
    limit = TERMS[run.stage].limit
    return timedelta(seconds=timeout_of(run) if limit is None else limit)


def stage_ends(run: Run) -> datetime | None:
    """When the time of the stage is up, or of the whole run where that is sooner; None: it has no limit. While a run waits for its
    turn no time runs, and what puts back what was active has its time even where the run has none left."""
    if run.stage is Stage.WAITING or run.stage in NEVER_GIVEN_UP:
        return None
    ends = run.stage_since + stage_limit(run)
    return ends if run.deadline is None or run.stage in REVERTING else min(ends, run.deadline)


def timeout_of(run: Run) -> int:
    """The deployment timeout in seconds that holds for this run."""
    return int(run.facts.get("timeout", DEFAULT_DEPLOYMENT_TIMEOUT))


def overdue(run: Run, now: datetime) -> bool:
    """Whether the run has used up its stage's time or its own."""
    ends = stage_ends(run)
    return ends is not None and now >= ends
