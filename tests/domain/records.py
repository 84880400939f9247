"""Records for tests of the rules, each with only what a test cares about said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.domain.addresses import Address, Level
from chalicelib.domain.builds import Build, BuildState, Image
from chalicelib.domain.config import Scope, Variable
from chalicelib.domain.deploys import Deploy, DeployState, Running
from chalicelib.domain.failures import Failure
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.runs import Outcome, Request, Run, RunKind, Stage, Trigger
from chalicelib.domain.snapshots import FrozenVariable, Snapshot

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
ADDRESS = Address("acme", "shop", "production", "api")
SERVICE_ID = "5e271ce0-0000-4000-8000-000000000001"
BUILD_ID = "b011d000-0000-4000-8000-000000000003"
DEPLOY_ID = "de910700-0000-4000-8000-000000000004"


def a_run(
    kind: RunKind = RunKind.DEPLOY,
    *,
    number: int = 7,
    stage: Stage = Stage.WAITING,
    outcome: Outcome | None = None,
    detail: str = "",
    failure: Failure | None = None,
    build: int = 3,
    deploy: int = 0,
    of_build: int = 0,
    trigger: Trigger = Trigger.HAND,
) -> Run:
    """`of_build`: the earlier build that it deploys instead of making one. An outcome finishes it."""
    return Run(
        owner=SERVICE_ID,
        number=number,
        id="40000000-0000-4000-8000-000000000007",
        address=ADDRESS,
        request=Request(kind=kind, by="maria", build=of_build, trigger=trigger),
        stage=Stage.FINISHED if outcome else stage,
        build=of_build or build,
        build_id="" if of_build else BUILD_ID,
        deploy=deploy,
        deploy_id=DEPLOY_ID,
        outcome=outcome,
        outcome_detail=detail,
        failure=failure,
        accepted=NOW,
        stage_since=NOW,
        look_at=LATER,
    )


def a_build(state: BuildState = BuildState.PENDING, *, number: int = 3, error_detail: str = "") -> Build:
    return Build(service_id=SERVICE_ID, number=number, id=BUILD_ID, state=state, error_detail=error_detail, created=NOW, updated=LATER)


def a_deploy(state: DeployState = DeployState.PENDING, *, number: int = 2, failure: Failure | None = None) -> Deploy:
    return Deploy(
        service_id=SERVICE_ID,
        number=number,
        id=DEPLOY_ID,
        run=7,
        snapshot="5a" * 32,
        build=3,
        commit="c0" * 20,
        state=state,
        failure=failure,
        created=NOW,
        updated=LATER,
    )


def running(deploy: int) -> Running:
    return Running(deploy=deploy, deploy_id=DEPLOY_ID, snapshot="5a" * 32, build=3, run=7)


def a_service(**changes: object) -> Service:
    service = Service(id=SERVICE_ID, address=ADDRESS, name="api", created=NOW, updated=NOW)
    return replace(service, **changes)  # type: ignore[arg-type]


def a_variable(name: str, value: str = "", *, vault_version: int = 0, size: int | None = None) -> Variable:
    """A plain variable, or a secret one when it has a vault version."""
    return Variable(
        id=f"id-of-{name}",
        name=name,
        value=value,
        secret=vault_version > 0,
        vault_version=vault_version,
        size=len(value.encode()) if size is None else size,
        set_by="maria",
        created=NOW,
        updated=NOW,
    )


def a_scope(owner: str, level: Level, *variables: Variable) -> Scope:
    return Scope(
        id=f"scope-of-{owner}", workspace="acme", owner=owner, level=level, variables={variable.name: variable for variable in variables}
    )


def plain(value: str, level: Level = Level.PROJECT, owner: str = "acme/shop") -> FrozenVariable:
    return FrozenVariable(value=value, owner=owner, level=level)


def secret(version: int, level: Level = Level.PROJECT, owner: str = "acme/shop", scope_id: str = "scope-1") -> FrozenVariable:
    return FrozenVariable(secret=True, scope_id=scope_id, vault_version=version, owner=owner, level=level)


def a_snapshot(**config: FrozenVariable) -> Snapshot:
    return Snapshot(
        image=Image(repository="acme/api", digest="sha256:" + "1" * 64, processes={"web": "serve", "release": "migrate"}),
        build=3,
        commit="c0" * 20,
        config=config,
        health_check_path="/_health/",
        deployment_timeout=180,
    )
