"""Projects of a workspace, each with the three environments that come with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address, Level, chosen_slug
from chalicelib.domain.audit import audited
from chalicelib.domain.errors import NotFound
from chalicelib.domain.hierarchy import STANDARD_ENVIRONMENTS, Environment, Project, Service
from chalicelib.pipeline.attempts import repeated
from chalicelib.pipeline.intents import accept_tree
from chalicelib.ports import Ports
from chalicelib.ports.store import Put, Store, all_of, get_one
from chalicelib.usecases.access import Actor, check_version
from chalicelib.usecases.changes import renamed
from chalicelib.usecases.refusals import slug_taken
from chalicelib.usecases.workspaces import get_workspace


def list_projects(ports: Ports, workspace_slug: str) -> list[Project]:
    return all_of(ports.store, *keys.projects(workspace_slug))


def count_services(ports: Ports, address: Address, level: Level) -> Mapping[Address, int]:
    """How many services there are at `address`, by the project or environment (`level`) that they are in."""
    services: list[Service] = all_of(ports.store, *keys.services(address))
    return Counter(service.address.at(level) for service in services)


def create_project(ports: Ports, actor: Actor, workspace_slug: str, *, name: str, slug: str = "") -> Project:
    """A new project with the environments production, staging and development."""
    address = Address(workspace_slug, chosen_slug(name, slug, level=Level.PROJECT))
    return repeated(lambda: _create(ports, actor, address, name))


def rename_project(ports: Ports, actor: Actor, address: Address, *, name: str, expected: int | None = None) -> Project:
    """The project with a new name; its slug stays."""
    return renamed(ports, actor, name, lambda: get_project(ports.store, address), expected)


def delete_project(ports: Ports, actor: Actor, address: Address, *, expected: int | None = None) -> None:
    """Begins to take down the project with all that is in it; from now on nothing can be created in it."""

    def attempt() -> None:
        project = get_project(ports.store, address)
        check_version(project, expected)
        accept_tree(ports, project, actor.username)

    repeated(attempt)


def get_project(store: Store, address: Address) -> Project:
    project = get_one(store, keys.project(address))
    if project is None:
        raise NotFound(f"there is no project {str(address)!r}", code="project_not_found", hint="list the projects of the workspace")
    return project


def _create(ports: Ports, actor: Actor, address: Address, name: str) -> Project:
    workspace = get_workspace(ports.store, address.workspace)
    if get_one(ports.store, keys.project(address)) is not None:
        raise slug_taken(address)
    now = ports.clock.now()
    fresh = Project(id=ports.clock.new_id(), address=address, name=name, created=now, updated=now)
    project, entry = audited(fresh, subject=fresh.id, at=now, by=actor.username, action="create", address=str(address))
    # Writing the workspace, not only checking it, is what lets its deletion see that it is not empty any more.
    grown, noted = audited(workspace, subject=workspace.id, at=now, by=actor.username, action="create_project", slug=address.slug)
    environments = [
        Environment(id=ports.clock.new_id(), address=address.child(slug), name=slug.capitalize(), automatic=True, created=now, updated=now)
        for slug in STANDARD_ENVIRONMENTS
    ]
    ports.store.commit([Put(project), Put(entry), Put(grown), Put(noted), *(Put(environment) for environment in environments)])
    return replace(project, version=1)
