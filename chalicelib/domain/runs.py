"""A run: one trip through the pipeline, and the stages it passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum, StrEnum

from chalicelib.domain.addresses import Address
from chalicelib.domain.failures import Failure


class RunKind(StrEnum):
    DEPLOY = "deploy"
    BUILD_ONLY = "build_only"
    CONFIG_ONLY = "config_only"
    ROLLBACK = "rollback"
    PROMOTION = "promotion"
    SCALE = "scale"
    TEARDOWN = "teardown"
    """Of a service."""
    TEARDOWN_TREE = "teardown_tree"
    """Of an environment or a project: of all services below it, then of itself."""


class Strength(IntEnum):
    """Which run gives way to which; the lane has one waiting place for each."""

    SCALE = 1
    CONFIG_ONLY = 2
    CODE = 3
    TEARDOWN = 4


STRENGTHS: Mapping[RunKind, Strength] = {
    RunKind.SCALE: Strength.SCALE,
    RunKind.CONFIG_ONLY: Strength.CONFIG_ONLY,
    RunKind.DEPLOY: Strength.CODE,
    RunKind.ROLLBACK: Strength.CODE,
    RunKind.PROMOTION: Strength.CODE,
    RunKind.TEARDOWN: Strength.TEARDOWN,
}
"""Build-only runs and the teardown of a tree hold no lane."""

BUILDING_KINDS = frozenset({RunKind.DEPLOY, RunKind.BUILD_ONLY})
DEPLOYING_KINDS = frozenset({RunKind.DEPLOY, RunKind.CONFIG_ONLY, RunKind.ROLLBACK, RunKind.PROMOTION})


class Stage(StrEnum):
    WAITING = "waiting"
    RESOLVE = "resolve"
    REUSE = "reuse"
    BUILD = "build"
    WATCH_BUILD = "watch_build"
    SNAPSHOT = "snapshot"
    PREFLIGHT = "preflight"
    ANCHOR = "anchor"
    PREPARE = "prepare"
    RELEASE = "release"
    WATCH_RELEASE = "watch_release"
    ROLL_OUT = "roll_out"
    WATCH_ROLL_OUT = "watch_roll_out"
    REGISTER = "register"
    ACTIVATE = "activate"
    SALVAGE = "salvage"
    """Before a revert: the evidence is read while it is still there, and the revert's own anchor is made."""
    REVERT = "revert"
    WATCH_REVERT = "watch_revert"
    TAKE_DOWN = "take_down"
    WATCH_TAKE_DOWN = "watch_take_down"
    PURGE = "purge"
    FAN_OUT = "fan_out"
    WATCH_FAN_OUT = "watch_fan_out"
    FINISHED = "finished"


GIVES_WAY = frozenset({Stage.WAITING, Stage.RESOLVE, Stage.REUSE, Stage.BUILD, Stage.WATCH_BUILD})
"""The stages in which a run has moved nothing yet: a newer one of its strength may take over."""


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    UNCHANGED = "unchanged"
    """What it asked for is what runs already."""
    INCLUDED = "included"
    """An older wish that a stronger run brought along."""


class Trigger(StrEnum):
    HAND = "hand"
    PUSH = "push"
    """The automatic one: it makes no run while the lane is pinned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for: by whom, through what, and where the snapshot is to come from."""

    kind: RunKind
    trigger: Trigger = Trigger.HAND
    by: str
    ref: str = ""
    """Branch, tag or commit to build; empty means the source's branch."""
    strategy: str = ""
    build: int = 0
    """Deploy this earlier build instead of building."""
    snapshot: str = ""
    """Rollback: the hash to go back to. Promotion: the hash of the source's snapshot."""
    rollback_to: int = 0
    """Rollback: the number of the deploy that had that snapshot."""
    source_service_id: str = ""
    """Promotion: whose snapshot it is."""
    source_address: str = ""
    config: str = "source"
    """Promotion: whose config is taken, `source` or `target`."""
    delivery: str = ""
    """Push: the delivery's id."""


def first_stage(request: Request) -> Stage:
    """Where a run begins: the kinds differ only in which stages they skip."""
    if request.kind in BUILDING_KINDS:
        return Stage.SNAPSHOT if request.build else Stage.RESOLVE
    return {
        RunKind.SCALE: Stage.ANCHOR,
        RunKind.TEARDOWN: Stage.TAKE_DOWN,
        RunKind.TEARDOWN_TREE: Stage.FAN_OUT,
    }.get(request.kind, Stage.SNAPSHOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    owner: str
    """The id of the service; of the environment or project for a TEARDOWN_TREE."""
    number: int
    """The lane's intent: every accepted request takes the next."""
    id: str
    address: Address
    request: Request
    stage: Stage = Stage.WAITING
    turn: int = 0
    """0 until it holds the lane."""
    build: int = 0
    build_id: str = ""
    deploy: int = 0
    deploy_id: str = ""
    snapshot: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    """The process counts that its roll-out applies."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What a stage must know again after a death: the anchor's UID, the release pod's UID, log offsets, …"""
    passed: Mapping[str, datetime] = field(default_factory=dict)
    """The stages that it has come to, and when."""
    outcome: Outcome | None = None
    outcome_detail: str = ""
    failure: Failure | None = None
    accepted: datetime
    started: datetime | None = None
    stage_since: datetime
    deadline: datetime | None = None
    look_at: datetime
    """When somebody should have looked at it: later than that, the sweep does."""
    attempts: int = 0
    """Exceptions in a row at this stage."""
    finished_at: datetime | None = None
    version: int = 0

    @property
    def finished(self) -> bool:
        return self.stage is Stage.FINISHED

    @property
    def kind(self) -> RunKind:
        return self.request.kind

    @property
    def strength(self) -> Strength:
        return STRENGTHS[self.kind]

    @property
    def ref(self) -> str:
        """How a message names it."""
        return f"{self.owner}/{self.number}"

    @property
    def gives_way(self) -> bool:
        return self.stage in GIVES_WAY

    @property
    def builds_itself(self) -> bool:
        """Whether the build named in it is its own, made for this run."""
        return self.kind in BUILDING_KINDS and not self.request.build

    def at(self, stage: Stage, now: datetime) -> Run:
        """This run, just come to `stage`."""
        return replace(self, stage=stage, stage_since=now, attempts=0, passed={**self.passed, stage.value: now})

    def noting(self, **facts: str | int) -> Run:
        """This run with these facts added."""
        return replace(self, facts={**self.facts, **{name: str(value) for name, value in facts.items()}})
