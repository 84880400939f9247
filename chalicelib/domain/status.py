"""What followers of a run are told: one word for its build, one for its deploy.

    the newest run that builds or deploys        build      deploy
    none yet                                     -          -
    accepted, waits                              pending    -
    builds                                       building   -
    failed or given up before it had an image    error      -
    has its image, moved nothing yet             success    pending
    rolls out, or reverts                        success    deploying
    active, unchanged, included in another       success    success
    failed or given up with its image there      success    error
    has no build of its own                      success    as above
    build only                                   as above   -

The published CLI follows until both words are final, or one is `error`, and has no time-out. So the final words come from the
run's own outcome and never from an older run's records, and a run without a build has a build that succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.builds import Build, BuildState
from chalicelib.domain.deploys import Deploy, DeployState
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Outcome, Run, RunKind, Stage


class Word(StrEnum):
    """Of these, SUCCESS and ERROR are final and the only final ones."""

    PENDING = "pending"
    BUILDING = "building"
    DEPLOYING = "deploying"
    SUCCESS = "success"
    ERROR = "error"


GOOD = frozenset({Outcome.SUCCEEDED, Outcome.UNCHANGED, Outcome.INCLUDED})
"""The outcomes after which what was asked for is what runs."""

_BUILDING = frozenset({Stage.BUILD, Stage.WATCH_BUILD})
_MOVED_NOTHING = frozenset(
    {
        Stage.WAITING,
        Stage.RESOLVE,
        Stage.REUSE,
        Stage.BUILD,
        Stage.WATCH_BUILD,
        Stage.SNAPSHOT,
        Stage.PREFLIGHT,
        Stage.ANCHOR,
        Stage.PREPARE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStatus:
    """A build or a deploy as `pipeline/status` shows it."""

    id: str
    version: int
    status: Word
    error_detail: str
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    build: StageStatus | None = None
    deploy: StageStatus | None = None


def pipeline_status(run: Run | None, build: Build | None = None, deploy: Deploy | None = None) -> PipelineStatus:
    """The status of `run`, with its own build and deploy records as far as they exist yet."""
    if run is None:
        return PipelineStatus()
    word = build_word(run, build)
    shown_build = StageStatus(
        id=build.id if build else run.build_id,
        version=build.number if build else run.build,
        status=word,
        error_detail=reason(run) or (build.error_detail if build else "") if word is Word.ERROR else "",
        created=build.created if build else run.accepted,
        updated=build.updated if build else run.stage_since,
    )
    if run.kind is RunKind.BUILD_ONLY or word is not Word.SUCCESS:
        return PipelineStatus(shown_build)
    return PipelineStatus(shown_build, _deploy_stage(run, deploy))


def makes_build(run: Run) -> bool:
    """Whether a build of its own is part of the run: not for a ready image, an earlier build or an earlier snapshot."""
    return run.builds_itself and run.build > 0


def build_word(run: Run, build: Build | None) -> Word:
    if not makes_build(run) or run.outcome in GOOD:
        return Word.SUCCESS
    state = build.state if build else BuildState.PENDING
    if state is BuildState.SUCCEEDED:
        return Word.SUCCESS
    if run.finished or state in (BuildState.FAILED, BuildState.SUPERSEDED):
        return Word.ERROR
    if state is BuildState.BUILDING or run.stage in _BUILDING:
        return Word.BUILDING
    return Word.PENDING


def word_of_build(build: Build) -> Word:
    """The state of a build by itself, as lists and logs show it."""
    return _WORD_OF_BUILD[build.state]


def deploy_word(run: Run) -> Word:
    """How far the run's deploy is, whatever its build."""
    if run.finished:
        return Word.SUCCESS if run.outcome in GOOD else Word.ERROR
    return Word.PENDING if run.stage in _MOVED_NOTHING else Word.DEPLOYING


def reason(run: Run) -> str:
    """Why a run did not do what was asked for; empty while it may still do it, and when it did."""
    if not run.finished or run.outcome in GOOD:
        return ""
    if run.failure is not None:
        return run.failure.detail
    return run.outcome_detail or ("superseded by a newer request" if run.outcome is Outcome.SUPERSEDED else "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployStatus:
    """A deploy as lists and details show it; one that has no record yet is read off its run."""

    id: str
    version: int
    """0 until its snapshot is made."""
    status: Word
    error_detail: str
    run: int
    build: int
    commit: str
    snapshot: str
    active: bool
    created: datetime
    updated: datetime

    @property
    def complete(self) -> bool:
        return self.status is Word.SUCCESS

    @property
    def error(self) -> bool:
        return self.status is Word.ERROR


def status_of_deploy(deploy: Deploy, lane: Lane | None) -> DeployStatus:
    """What is shown of a deploy that has a record; `lane` says whether it is the active one."""
    return DeployStatus(
        id=deploy.id,
        version=deploy.number,
        status=_WORD_OF_DEPLOY[deploy.state],
        error_detail=_reason_of_deploy(deploy),
        run=deploy.run,
        build=deploy.build,
        commit=deploy.commit,
        snapshot=deploy.snapshot,
        active=lane is not None and lane.active is not None and lane.active.deploy == deploy.number,
        created=deploy.created,
        updated=deploy.updated,
    )


def status_of_run_as_deploy(run: Run) -> DeployStatus:
    """What is shown of a deploy whose id was given out with its run and that has no record (yet, or for good)."""
    return DeployStatus(
        id=run.deploy_id,
        version=run.deploy,
        status=deploy_word(run),
        error_detail=reason(run),
        run=run.number,
        build=run.build,
        commit=run.facts.get("commit", ""),
        snapshot=run.snapshot,
        active=False,
        created=run.accepted,
        updated=run.stage_since,
    )


_WORD_OF_BUILD = {
    BuildState.PENDING: Word.PENDING,
    BuildState.BUILDING: Word.BUILDING,
    BuildState.SUCCEEDED: Word.SUCCESS,
    BuildState.FAILED: Word.ERROR,
    BuildState.SUPERSEDED: Word.ERROR,
}
_WORD_OF_DEPLOY = {
    DeployState.PENDING: Word.DEPLOYING,
    DeployState.COMPLETE: Word.SUCCESS,
    DeployState.FAILED: Word.ERROR,
    DeployState.SUPERSEDED: Word.ERROR,
}


def _reason_of_deploy(deploy: Deploy) -> str:
    if deploy.failure is not None:
        return deploy.failure.detail
    return "superseded by a newer request" if deploy.state is DeployState.SUPERSEDED else ""


def _deploy_stage(run: Run, deploy: Deploy | None) -> StageStatus:
    return StageStatus(
        id=deploy.id if deploy else run.deploy_id,
        version=deploy.number if deploy else run.deploy,
        status=deploy_word(run),
        error_detail=reason(run),
        created=deploy.created if deploy else run.accepted,
        updated=deploy.updated if deploy else run.stage_since,
    )
