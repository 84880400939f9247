"""Deploys over HTTP."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chalicelib.api.builds import may_see
from chalicelib.api.dialects import Dialect
from chalicelib.api.routes import ENVIRONMENT, SERVICE, V1, Call, Reply, Route
from chalicelib.api.views import Body, Moment, View
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.policy import Action
from chalicelib.domain.status import DeployStatus, Word
from chalicelib.pipeline.intents import Accepted
from chalicelib.usecases import deploys
from chalicelib.usecases.builds import check_strategy
from chalicelib.usecases.deploys import DeployWish
from chalicelib.usecases.lookups import only_one


class DeployView(View, frozen=True, kw_only=True):
    """One attempt to make a snapshot the running one. `complete` and `error` are both false while it goes on."""

    id: str
    version: int
    """Its number; 0 until its snapshot is made."""
    status: Word
    complete: bool
    error: bool
    error_detail: str
    active: bool
    """Whether it is what runs now."""
    run: int
    build: int
    commit: str
    snapshot: str
    job_id: str = ""
    """Always empty; published clients read it."""
    created: Moment
    updated: Moment


class DeployOfService(DeployView, frozen=True, kw_only=True):
    """A deploy, and the slug of its service."""

    service: str


class DeployItems(View, frozen=True, kw_only=True):
    """Deploys, the newest first, as the published SDKs expect the list."""

    items: list[DeployView]


class DeployLog(View, frozen=True, kw_only=True):
    """What a deploy has told: the whole text so far, which only grows. Complete once `status` is `success` or `error`."""

    id: str
    version: int
    status: Word
    complete: bool
    error: bool
    error_detail: str
    log_text: str


class DeployRequest(Body, frozen=True, kw_only=True):
    """What to deploy: a `ref` to build (nothing: the source's branch), an earlier build by its number as `version`, or with
    `config_only` what runs, with the config that is set now."""

    ref: Annotated[str, msgspec.Meta(max_length=200)] = ""
    version: int | None = None
    config_only: bool = False
    strategy: str = ""


class DeployAccepted(View, frozen=True, kw_only=True):
    """The deploy that was asked for. `version` is the number of the build: 0, with an empty `build_id`, when none is made."""

    ok: bool = True
    status: str = "accepted"
    run: int
    service: str
    build_id: str
    version: int
    deploy_id: str
    id: str
    """The deploy's id again, as lists call it."""
    complete: bool = False
    error: bool = False
    error_detail: str = ""
    job_id: str = ""
    created: Moment
    updated: Moment


class EnvironmentDeployAccepted(DeployAccepted, frozen=True, kw_only=True):
    """All deploys that were asked for; the fields beside `deploys` are the first one's."""

    deploys: list[DeployAccepted]


class EnvironmentDeployQuery(Body, frozen=True, kw_only=True):
    service: str = ""
    """Slug or id; empty: every service that has a source."""


def deploy_service(call: Call) -> Reply:
    return Reply(body=ask_for_deploy(call, call.place.service))


def ask_for_deploy(call: Call, service: Service) -> DeployAccepted:
    """What a body of the type DeployRequest asks for, asked for."""
    wanted: DeployRequest = call.body
    check_strategy(wanted.strategy)
    wish = DeployWish(ref=wanted.ref, build=wanted.version or 0, config_only=wanted.config_only, strategy=wanted.strategy)
    return show_accepted(service, deploys.deploy(call.ports, service, wish, call.actor.username))


def deploy_environment(call: Call) -> Reply:
    if call.query.service:
        parts = [call.params[name] for name in ("ws", "proj", "env")]
        service = call.at(*parts, call.query.service, action=Action.DEPLOY).service
        accepted = [show_accepted(service, deploys.deploy(call.ports, service, DeployWish(), call.actor.username))]
    else:
        asked = deploys.deploy_all(call.ports, call.place.environment, call.actor.username)
        accepted = [show_accepted(service, made) for service, made in asked]
    return Reply(body=EnvironmentDeployAccepted(**msgspec.structs.asdict(accepted[0]), deploys=accepted))


def show_accepted(service: Service, accepted: Accepted) -> DeployAccepted:
    run = accepted.run
    assert run is not None, "only automatic requests are ever held back"
    return DeployAccepted(
        run=run.number,
        service=service.address.slug,
        build_id=run.build_id,
        version=run.build,
        deploy_id=run.deploy_id,
        id=run.deploy_id,
        created=run.accepted,
        updated=run.stage_since,
    )


def list_deploys(call: Call) -> Reply:
    items = [_shown(view) for view in deploys.list_deploys(call.ports, call.place.service)]
    return Reply(body=DeployItems(items=items) if call.dialect is Dialect.SDK else items)


def list_environment_deploys(call: Call) -> Reply:
    listed = deploys.list_deploys_of_environment(call.ports, call.place.environment)
    shown = [DeployOfService(**msgspec.structs.asdict(_shown(view)), service=service.address.slug) for service, view in listed]
    return Reply(body=shown)


def get_deploy(call: Call) -> Reply:
    return Reply(body=_shown(_in_service(call)[1]))


def get_deploy_log(call: Call) -> Reply:
    return _log(call, *_in_service(call))


def get_environment_deploy(call: Call) -> Reply:
    return Reply(body=_shown(_in_environment(call)[1]))


def get_environment_deploy_log(call: Call) -> Reply:
    return _log(call, *_in_environment(call))


def get_deploy_by_id(call: Call) -> Reply:
    return Reply(body=_shown(_anywhere(call)[1]))


def get_deploy_log_by_id(call: Call) -> Reply:
    return _log(call, *_anywhere(call))


def _in_service(call: Call) -> tuple[Service, DeployStatus]:
    return deploys.find_in_services(call.ports, [call.place.service], call.params["deploy"])


def _in_environment(call: Call) -> tuple[Service, DeployStatus]:
    services = deploys.services_of(call.ports, call.place.environment)
    return deploys.find_in_services(call.ports, services, call.params["deploy"])


def _anywhere(call: Call) -> tuple[Service, DeployStatus]:
    """The one deploy that the path names among those of services that the caller may see."""
    text = call.params["deploy"]
    visible = [(service, view) for service, view in deploys.find_everywhere(call.ports, text) if may_see(call, service)]
    return only_one(visible, "deploy", text)


def _log(call: Call, service: Service, deploy: DeployStatus) -> Reply:
    return Reply(
        body=DeployLog(
            id=deploy.id,
            version=deploy.version,
            status=deploy.status,
            complete=deploy.complete,
            error=deploy.error,
            error_detail=deploy.error_detail,
            log_text=deploys.read_log(call.ports, service, deploy),
        )
    )


def _shown(view: DeployStatus) -> DeployView:
    return DeployView(
        id=view.id,
        version=view.version,
        status=view.status,
        complete=view.complete,
        error=view.error,
        error_detail=view.error_detail,
        active=view.active,
        run=view.run,
        build=view.build,
        commit=view.commit,
        snapshot=view.snapshot,
        created=view.created,
        updated=view.updated,
    )


ROUTES = (
    Route(
        "POST",
        f"{SERVICE}/deploy",
        Action.DEPLOY,
        deploy_service,
        "Deploy a service",
        body=DeployRequest,
        body_optional=True,
        returns=DeployAccepted,
        status=202,
    ),
    Route(
        "POST",
        f"{ENVIRONMENT}/deploy",
        Action.DEPLOY,
        deploy_environment,
        "Deploy one service of an environment, or all",
        query=EnvironmentDeployQuery,
        returns=EnvironmentDeployAccepted,
        status=202,
    ),
    Route(
        "GET",
        f"{SERVICE}/deploys",
        Action.VIEW,
        list_deploys,
        "List a service's deploys, the newest first",
        returns=list[DeployView] | DeployItems,
    ),
    Route(
        "GET",
        f"{ENVIRONMENT}/deploys",
        Action.VIEW,
        list_environment_deploys,
        "List an environment's deploys, the newest first",
        returns=list[DeployOfService],
    ),
    Route("GET", f"{SERVICE}/deploys/{{deploy}}", Action.VIEW, get_deploy, "Show a deploy of a service", returns=DeployView),
    Route("GET", f"{SERVICE}/deploys/{{deploy}}/log", Action.VIEW, get_deploy_log, "Read a deploy's log", returns=DeployLog),
    Route(
        "GET",
        f"{ENVIRONMENT}/deploys/{{deploy}}",
        Action.VIEW,
        get_environment_deploy,
        "Show a deploy of an environment",
        returns=DeployView,
    ),
    Route(
        "GET",
        f"{ENVIRONMENT}/deploys/{{deploy}}/log",
        Action.VIEW,
        get_environment_deploy_log,
        "Read the log of a deploy of an environment",
        returns=DeployLog,
    ),
    Route("GET", f"{V1}/deploys/{{deploy}}/detail", Action.SIGNED_IN, get_deploy_by_id, "Show a deploy by its id", returns=DeployView),
    Route(
        "GET", f"{V1}/deploys/{{deploy}}/log", Action.SIGNED_IN, get_deploy_log_by_id, "Read a deploy's log by its id", returns=DeployLog
    ),
)
