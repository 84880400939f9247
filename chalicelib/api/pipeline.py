"""The pipeline over HTTP: status, history, single runs, rollback and the pin."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from chalicelib.api.deploys import DeployAccepted, DeployRequest, ask_for_deploy, show_accepted
from chalicelib.api.routes import PROJECT, SERVICE, Call, Reply, Route
from chalicelib.api.views import Body, Moment, View
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.policy import Action
from chalicelib.domain.runs import Run, RunKind, Stage, Trigger
from chalicelib.domain.status import StageStatus, Word
from chalicelib.usecases import deploys, runs


class StageView(View, frozen=True, kw_only=True):
    """The build or the deploy of the newest run. `status` is final at `success` and `error` only."""

    id: str
    version: int
    status: Word
    error_detail: str
    created: Moment
    updated: Moment


class HeldPushView(View, frozen=True, kw_only=True):
    """The newest push that the pin holds back; unpinning deploys it."""

    number: int
    ref: str
    by: str


class PipelineView(View, frozen=True, kw_only=True):
    """Where the newest run that builds or deploys is. `deploy` stays null until its own build is done."""

    build: StageView | None
    deploy: StageView | None
    run: int
    """Its number; 0: nothing was ever asked for."""
    active: int
    """The number of the deploy that runs; 0: none does."""
    pinned: bool
    """Whether pushes are held back."""
    held: HeldPushView | None


class RunFailureView(View, frozen=True, kw_only=True):
    """Why a run failed, and what to do next."""

    code: str
    message: str
    hint: str
    evidence: list[str]


class PassedStageView(View, frozen=True, kw_only=True):
    """A stage that a run has come to, and when."""

    stage: Stage
    since: Moment


class RunView(View, frozen=True, kw_only=True):
    """One trip through the pipeline. `outcome` is empty while it is under way, and so is each time that has not come."""

    run: int
    id: str
    kind: RunKind
    trigger: Trigger
    by: str
    stage: Stage
    outcome: str
    detail: str
    build: int
    build_id: str
    deploy: int
    deploy_id: str
    commit: str
    ref: str
    snapshot: str
    accepted: Moment
    started: str
    finished: str
    failure: RunFailureView | None
    stages: list[PassedStageView]


class PinView(View, frozen=True, kw_only=True):
    """Whether pushes are held back now. `run` is the one that a held push became by unpinning; 0: nothing was held."""

    pinned: bool
    run: int = 0


class ServiceQuery(Body, frozen=True, kw_only=True):
    service: str
    env: str


class HistoryQuery(ServiceQuery, frozen=True, kw_only=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=runs.MAX_HISTORY)] = 10


class RollbackQuery(ServiceQuery, frozen=True, kw_only=True):
    version: int = 0


class RollbackRequest(Body, frozen=True, kw_only=True):
    """The number of the deploy to go back to; nothing: the good one before the active one."""

    version: int | None = None


def pipeline_status(call: Call) -> Reply:
    return _status(call, _named(call, Action.VIEW))


def service_pipeline_status(call: Call) -> Reply:
    return _status(call, call.place.service)


def pipeline_history(call: Call) -> Reply:
    history = runs.read_history(call.ports, _named(call, Action.VIEW), call.query.limit)
    return Reply(body=[show_run(run) for run in history])


def get_run(call: Call) -> Reply:
    return Reply(body=show_run(runs.find_run(call.ports, call.place.service, call.params["run"])))


def pipeline_deploy(call: Call) -> Reply:
    return Reply(body=ask_for_deploy(call, _named(call, Action.DEPLOY)))


def pipeline_rollback(call: Call) -> Reply:
    service = _named(call, Action.DEPLOY)
    version = call.body.version or call.query.version
    return Reply(body=show_accepted(service, deploys.rollback(call.ports, service, version, call.actor.username)))


def pin_service(call: Call) -> Reply:
    runs.pin(call.ports, call.place.service, call.actor.username)
    return Reply(body=PinView(pinned=True))


def unpin_service(call: Call) -> Reply:
    accepted = runs.unpin(call.ports, call.place.service, call.actor.username)
    return Reply(body=PinView(pinned=False, run=accepted.run.number if accepted and accepted.run else 0))


def show_run(run: Run) -> RunView:
    failure = run.failure
    return RunView(
        run=run.number,
        id=run.id,
        kind=run.kind,
        trigger=run.request.trigger,
        by=run.request.by,
        stage=run.stage,
        outcome=run.outcome.value if run.outcome else "",
        detail=run.outcome_detail,
        build=run.build,
        build_id=run.build_id,
        deploy=run.deploy,
        deploy_id=run.deploy_id,
        commit=run.facts.get("commit", ""),
        ref=run.request.ref,
        snapshot=run.snapshot,
        accepted=run.accepted,
        started=_time(run.started),
        finished=_time(run.finished_at),
        failure=RunFailureView(code=failure.code, message=failure.message, hint=failure.hint, evidence=list(failure.evidence))
        if failure
        else None,
        stages=[PassedStageView(stage=Stage(name), since=since) for name, since in sorted(run.passed.items(), key=lambda pair: pair[1])],
    )


def _named(call: Call, action: Action) -> Service:
    """The service that the path and the query name together."""
    return call.at(call.params["ws"], call.params["proj"], call.query.env, call.query.service, action=action).service


def _status(call: Call, service: Service) -> Reply:
    status = runs.read_status(call.ports, service)
    held = status.held
    return Reply(
        body=PipelineView(
            build=_stage(status.pipeline.build),
            deploy=_stage(status.pipeline.deploy),
            run=status.run,
            active=status.active,
            pinned=status.pinned,
            held=HeldPushView(number=held.number, ref=held.request.ref, by=held.request.by) if held else None,
        )
    )


def _stage(view: StageStatus | None) -> StageView | None:
    if view is None:
        return None
    return StageView(
        id=view.id,
        version=view.version,
        status=view.status,
        error_detail=view.error_detail,
        created=view.created,
        updated=view.updated,
    )


def _time(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else ""


ROUTES = (
    Route(
        "GET",
        f"{PROJECT}/pipeline/status",
        Action.VIEW,
        pipeline_status,
        "Show where a service's newest run is",
        query=ServiceQuery,
        returns=PipelineView,
    ),
    Route(
        "GET",
        f"{SERVICE}/pipeline-status",
        Action.VIEW,
        service_pipeline_status,
        "Show where this service's newest run is",
        returns=PipelineView,
    ),
    Route(
        "GET",
        f"{PROJECT}/pipeline/history",
        Action.VIEW,
        pipeline_history,
        "List a service's runs, the newest first",
        query=HistoryQuery,
        returns=list[RunView],
    ),
    Route("GET", f"{SERVICE}/runs/{{run}}", Action.VIEW, get_run, "Show one run by its number", returns=RunView),
    Route(
        "POST",
        f"{PROJECT}/pipeline/deploy",
        Action.DEPLOY,
        pipeline_deploy,
        "Deploy a service, named in the query",
        query=ServiceQuery,
        body=DeployRequest,
        body_optional=True,
        returns=DeployAccepted,
        status=202,
    ),
    Route(
        "POST",
        f"{PROJECT}/pipeline/rollback",
        Action.DEPLOY,
        pipeline_rollback,
        "Go back to an earlier deploy, and pin it",
        query=RollbackQuery,
        body=RollbackRequest,
        body_optional=True,
        returns=DeployAccepted,
        status=202,
    ),
    Route("POST", f"{SERVICE}/pin", Action.DEPLOY, pin_service, "Hold pushes back", returns=PinView),
    Route("POST", f"{SERVICE}/unpin", Action.DEPLOY, unpin_service, "Let pushes through again, the held one first", returns=PinView),
)
