"""Environments on the wire."""

from __future__ import annotations

from chalicelib.api.routes import ENVIRONMENT, PROJECT, Call, Reply, Route
from chalicelib.api.views import Body, Moment, View
from chalicelib.domain.addresses import Level
from chalicelib.domain.hierarchy import Environment
from chalicelib.domain.policy import Action
from chalicelib.usecases import environments, projects


class NewEnvironment(Body, frozen=True, kw_only=True):
    """An environment to be. Without a slug, or with an empty one, it is made from the name."""

    name: str
    slug: str = ""


class EnvironmentChanges(Body, frozen=True, kw_only=True):
    """What to change of an environment."""

    name: str


class EnvironmentView(View, frozen=True, kw_only=True):
    """An environment. `closing`: it is being deleted."""

    id: str
    name: str
    slug: str
    service_count: int
    closing: bool
    created: Moment
    updated: Moment


def list_environments(call: Call) -> Reply:
    project = call.place.address
    counts = projects.count_services(call.ports, project, Level.ENVIRONMENT)
    listed = environments.list_environments(call.ports, project)
    return Reply(body=[_view(environment, counts.get(environment.address, 0)) for environment in listed])


def create_environment(call: Call) -> Reply:
    body: NewEnvironment = call.body
    return _shown(call, environments.create_environment(call.ports, call.actor, call.place.address, name=body.name, slug=body.slug))


def get_environment(call: Call) -> Reply:
    return _shown(call, call.place.environment)


def change_environment(call: Call) -> Reply:
    body: EnvironmentChanges = call.body
    return _shown(call, environments.rename_environment(call.ports, call.actor, call.place.address, name=body.name, expected=call.if_match))


def delete_environment(call: Call) -> Reply:
    environments.delete_environment(call.ports, call.actor, call.place.address, expected=call.if_match)
    return Reply()


def _shown(call: Call, environment: Environment) -> Reply:
    counts = projects.count_services(call.ports, environment.address, Level.ENVIRONMENT)
    return Reply(body=_view(environment, counts.get(environment.address, 0)), etag=environment.version)


def _view(environment: Environment, services: int) -> EnvironmentView:
    return EnvironmentView(
        id=environment.id,
        name=environment.name,
        slug=environment.address.slug,
        service_count=services,
        closing=environment.closing,
        created=environment.created,
        updated=environment.updated,
    )


ROUTES = (
    Route("GET", f"{PROJECT}/envs", Action.VIEW, list_environments, "List the environments of a project", returns=list[EnvironmentView]),
    Route(
        "POST",
        f"{PROJECT}/envs",
        Action.MANAGE_PROJECTS,
        create_environment,
        "Create an environment, or take over one that came with the project",
        body=NewEnvironment,
        returns=EnvironmentView,
        status=201,
    ),
    Route("GET", ENVIRONMENT, Action.VIEW, get_environment, "Show an environment", returns=EnvironmentView),
    Route(
        "PATCH",
        ENVIRONMENT,
        Action.MANAGE_PROJECTS,
        change_environment,
        "Rename an environment; its slug stays",
        body=EnvironmentChanges,
        returns=EnvironmentView,
    ),
    Route("DELETE", ENVIRONMENT, Action.MANAGE_PROJECTS, delete_environment, "Take down an environment with its services", status=204),
)
