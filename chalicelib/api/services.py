"""Services on the wire."""

from __future__ import annotations

from chalicelib.api.routes import ENVIRONMENT, SERVICE, Call, Reply, Route
from chalicelib.api.views import Body, Moment, View
from chalicelib.domain.hierarchy import SourceKind
from chalicelib.domain.policy import Action
from chalicelib.manifests.names import host_of
from chalicelib.settings import Settings
from chalicelib.usecases import services
from chalicelib.usecases.service_fields import ServiceFields
from chalicelib.usecases.services import ServiceWithLane


class ServiceSettings(Body, frozen=True, kw_only=True):
    """What people set of a service. `repository` is any clone URL, `github_repository` (owner/name) its short form, `image` a ready
    image; an empty text unsets."""

    name: str | None = None
    platform: str | None = None
    repository: str | None = None
    github_repository: str | None = None
    image: str | None = None
    branch: str | None = None
    auto_deploy_branch: str | None = None
    build_strategy: str | None = None
    team: str | None = None
    health_check_path: str | None = None
    deployment_timeout: int | None = None


class NewService(ServiceSettings, frozen=True, kw_only=True):
    """A service to be. Without a slug, or with an empty one, it is made from the name."""

    name: str
    slug: str = ""


class Scaling(Body, frozen=True, kw_only=True):
    """Wanted counts by process. Processes that are not named keep theirs."""

    process_counts: dict[str, int]


class ServiceView(View, frozen=True, kw_only=True):
    """A service. `url` is where its web process is reached once it runs; `pinned`: pushes wait; `latest_…` are numbers, 0 for none."""

    id: str
    name: str
    slug: str
    platform: str
    workspace_slug: str
    project_slug: str
    env_slug: str
    repository: str
    github_repository: str
    image: str
    branch: str
    auto_deploy_branch: str
    build_strategy: str
    team: str
    health_check_path: str
    deployment_timeout: int
    process_counts: dict[str, int]
    url: str
    pinned: bool
    closing: bool
    latest_build: int
    latest_deploy: int
    active_deploy: int
    created: Moment
    updated: Moment


def list_services(call: Call) -> Reply:
    listed = services.list_services(call.ports, call.place.address)
    return Reply(body=[_view(shown, call.ports.settings) for shown in listed])


def create_service(call: Call) -> Reply:
    body: NewService = call.body
    fields = _fields(body)
    return _reply(call, services.create_service(call.ports, call.actor, call.place.address, name=body.name, slug=body.slug, fields=fields))


def get_service(call: Call) -> Reply:
    return _reply(call, services.with_lane(call.ports, call.place.service))


def change_service(call: Call) -> Reply:
    body: ServiceSettings = call.body
    return _reply(call, services.change_service(call.ports, call.actor, call.place.address, _fields(body), expected=call.if_match))


def scale_service(call: Call) -> Reply:
    body: Scaling = call.body
    return _reply(call, services.scale_service(call.ports, call.actor, call.place.address, body.process_counts))


def delete_service(call: Call) -> Reply:
    services.delete_service(call.ports, call.actor, call.place.address, expected=call.if_match)
    return Reply()


def _fields(body: ServiceSettings) -> ServiceFields:
    return ServiceFields(
        name=body.name,
        platform=body.platform,
        repository=body.repository,
        github_repository=body.github_repository,
        image=body.image,
        branch=body.branch,
        auto_deploy_branch=body.auto_deploy_branch,
        build_strategy=body.build_strategy,
        team=body.team,
        health_check_path=body.health_check_path,
        deployment_timeout=body.deployment_timeout,
    )


def _reply(call: Call, shown: ServiceWithLane) -> Reply:
    return Reply(body=_view(shown, call.ports.settings), etag=shown.service.version)


def _view(shown: ServiceWithLane, settings: Settings) -> ServiceView:
    service, lane, source = shown.service, shown.lane, shown.service.source
    return ServiceView(
        id=service.id,
        name=service.name,
        slug=service.address.slug,
        platform=service.platform,
        workspace_slug=service.address.workspace,
        project_slug=service.address.project,
        env_slug=service.address.environment,
        repository=source.location if source.kind is SourceKind.GIT else "",
        github_repository=service.github_repository,
        image=source.location if source.kind is SourceKind.IMAGE else "",
        branch=source.branch,
        auto_deploy_branch=service.auto_deploy_branch,
        build_strategy=service.build_strategy,
        team=service.team,
        health_check_path=service.health_check_path,
        deployment_timeout=service.deployment_timeout,
        process_counts=dict(shown.process_counts),
        url=settings.url_of(host_of(service.address, settings.apps_domain)),
        pinned=bool(lane.pinned_by),
        closing=service.closing,
        latest_build=lane.builds,
        latest_deploy=lane.deploys,
        active_deploy=lane.active.deploy if lane.active else 0,
        created=service.created,
        updated=service.updated,
    )


ROUTES = (
    Route("GET", f"{ENVIRONMENT}/services", Action.VIEW, list_services, "List the services of an environment", returns=list[ServiceView]),
    Route(
        "POST",
        f"{ENVIRONMENT}/services",
        Action.MANAGE_SERVICES,
        create_service,
        "Create a service",
        body=NewService,
        returns=ServiceView,
        status=201,
    ),
    Route("GET", SERVICE, Action.VIEW, get_service, "Show a service", returns=ServiceView),
    Route(
        "PATCH",
        SERVICE,
        Action.MANAGE_SERVICES,
        change_service,
        "Change a service's fields; its slug stays",
        body=ServiceSettings,
        returns=ServiceView,
    ),
    Route("DELETE", SERVICE, Action.MANAGE_SERVICES, delete_service, "Take down a service", status=204),
    Route(
        "POST",
        f"{SERVICE}/scale",
        Action.DEPLOY,
        scale_service,
        "Set how many processes of some types run",
        body=Scaling,
        returns=ServiceView,
    ),
)
