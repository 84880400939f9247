"""What the server answers, as frozen dataclasses. Every field has a default: an older or newer server may leave some out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ancla_sdk.people import Member

MASK = "**secret**"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    id: str = ""
    name: str = ""
    slug: str = ""
    personal: bool = False
    member_count: int = 0
    project_count: int = 0
    service_count: int = 0
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: str = ""
    name: str = ""
    slug: str = ""
    workspace_slug: str = ""
    service_count: int = 0
    created: str = ""
    updated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    id: str = ""
    name: str = ""
    slug: str = ""
    service_count: int = 0
    created: str = ""
    updated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    id: str = ""
    name: str = ""
    slug: str = ""
    platform: str = ""
    url: str = ""
    """Where its web process is reached."""
    repository: str = ""
    github_repository: str = ""
    image: str = ""
    """A ready image instead of a repository."""
    branch: str = ""
    auto_deploy_branch: str = ""
    build_strategy: str = ""
    health_check_path: str = ""
    deployment_timeout: int = 0
    team: str = ""
    process_counts: Mapping[str, int] = field(default_factory=dict)
    pinned: bool = False
    """Pushes are held back, after a rollback or by hand."""
    closing: bool = False
    """Being deleted."""
    latest_build: int = 0
    latest_deploy: int = 0
    active_deploy: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    id: str = ""
    name: str = ""
    value: str = ""
    """`**secret**` for a secret."""
    secret: bool = False
    buildtime: bool = False
    scope: str = ""
    """workspace, team, project, environment or service."""
    owner: str = ""
    """The address that it is set at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProblem:
    name: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a .env text: names that were set, secrets that were left alone, and lines that could not be taken."""

    created: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    errors: tuple[ImportProblem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    id: str = ""
    version: int = 0
    built: bool = False
    error: bool = False
    error_detail: str = ""
    status: str = ""
    """`success` and `error` are final."""
    strategy: str = ""
    ref: str = ""
    commit: str = ""
    commit_message: str = ""
    created: str = ""
    updated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log so far. It only grows; `status` says whether it still does."""

    status: str = ""
    log_text: str = ""

    @property
    def finished(self) -> bool:
        return self.status in {"success", "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    id: str = ""
    version: int = 0
    """Its number; 0 until its snapshot is made."""
    status: str = ""
    """`success` and `error` are final."""
    active: bool = False
    """Whether it is what runs now."""
    complete: bool = False
    error: bool = False
    error_detail: str = ""
    run: int = 0
    build: int = 0
    commit: str = ""
    snapshot: str = ""
    created: str = ""
    updated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What was made of a request to deploy. `status` is `accepted`, or `held` when the service is pinned."""

    ok: bool = True
    status: str = "accepted"
    run: int = 0
    build_id: str = ""
    version: int = 0
    deploy_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    code: str = ""
    message: str = ""
    hint: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedStage:
    stage: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One trip through the pipeline. `outcome` is empty while it is on its way."""

    run: int = 0
    id: str = ""
    kind: str = ""
    trigger: str = ""
    by: str = ""
    stage: str = ""
    stages: tuple[PassedStage, ...] = ()
    outcome: str = ""
    detail: str = ""
    build: int = 0
    build_id: str = ""
    deploy: int = 0
    deploy_id: str = ""
    commit: str = ""
    ref: str = ""
    snapshot: str = ""
    accepted: str = ""
    started: str = ""
    finished: str = ""
    failure: Failure | None = None

    @property
    def open(self) -> bool:
        return not self.outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStatus:
    status: str = ""
    version: int = 0
    error_detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPush:
    """The newest push that a pin holds back."""

    number: int = 0
    ref: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Whether pushes are held back now. `run`: what a held push became by unpinning; 0: nothing was held."""

    pinned: bool = False
    run: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineStatus:
    """The newest run as two stages, and what is active."""

    build: StageStatus | None = None
    deploy: StageStatus | None = None
    run: int = 0
    active: int = 0
    """The number of the active deploy; 0: none."""
    pinned: bool = False
    held: HeldPush | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that a promotion would change."""

    what: str = ""
    """image, commit, process, health_check_path, deployment_timeout or variable."""
    kind: str = ""
    """added, removed or changed."""
    name: str = ""
    """Of a process or a variable."""
    before: str = ""
    after: str = ""
    secret: bool = False
    origin: str = ""
    """The address that a variable's value is set at."""
    level: str = ""
    from_source: bool = False
    """The value comes from the source's environment or service: it may be meant for that alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedVariable:
    """A variable that the target gets from the source's environment or service, whether or not that is a change."""

    name: str = ""
    origin: str = ""
    level: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a promotion would change; `hash` is handed back to do exactly that."""

    source: str = ""
    target: str = ""
    config: str = ""
    changes: tuple[Change, ...] = ()
    carried: tuple[CarriedVariable, ...] = ()
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    success: bool = False
    message: str = ""
    deploy_id: str = ""
    run: int = 0
