"""Environments of a project."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address, chosen_slug
from chalicelib.domain.audit import audited
from chalicelib.domain.errors import NotFound
from chalicelib.domain.hierarchy import Environment
from chalicelib.pipeline.attempts import repeated
from chalicelib.pipeline.intents import accept_tree
from chalicelib.ports import Ports
from chalicelib.ports.store import Check, Put, Store, all_of, get_one
from chalicelib.usecases.access import Actor, check_version
from chalicelib.usecases.changes import renamed, written
from chalicelib.usecases.projects import get_project
from chalicelib.usecases.refusals import check_open, slug_taken


def list_environments(ports: Ports, project: Address) -> list[Environment]:
    return all_of(ports.store, *keys.environments(project))


def create_environment(ports: Ports, actor: Actor, project: Address, *, name: str, slug: str = "") -> Environment:
    """A new environment; or, once, the one that came with the project under that slug, which then counts as asked for."""
    address = project.child(chosen_slug(name, slug))
    return repeated(lambda: _create(ports, actor, address, name))


def rename_environment(ports: Ports, actor: Actor, address: Address, *, name: str, expected: int | None = None) -> Environment:
    """The environment with a new name, which counts as asked for from now on; its slug stays."""
    return renamed(ports, actor, name, lambda: replace(get_environment(ports.store, address), automatic=False), expected)


def delete_environment(ports: Ports, actor: Actor, address: Address, *, expected: int | None = None) -> None:
    """Begins to take down the environment with its services; from now on nothing can be created in it."""

    def attempt() -> None:
        environment = get_environment(ports.store, address)
        check_version(environment, expected)
        accept_tree(ports, environment, actor.username)

    repeated(attempt)


def get_environment(store: Store, address: Address) -> Environment:
    environment = get_one(store, keys.environment(address))
    if environment is None:
        raise NotFound(
            f"there is no environment {str(address)!r}", code="environment_not_found", hint="list the environments of the project"
        )
    return environment


def _create(ports: Ports, actor: Actor, address: Address, name: str) -> Environment:
    project = get_project(ports.store, address.parent)
    check_open(project)
    existing = get_one(ports.store, keys.environment(address))
    if existing is not None:
        if existing.automatic and not existing.closing:
            return written(ports, actor, replace(existing, name=name, automatic=False), "create", name=name)
        raise slug_taken(address)
    now = ports.clock.now()
    fresh = Environment(id=ports.clock.new_id(), address=address, name=name, created=now, updated=now)
    environment, entry = audited(fresh, subject=fresh.id, at=now, by=actor.username, action="create", address=str(address))
    ports.store.commit([Put(environment), Put(entry), Check(keys.key_of(project), project.version)])
    return replace(environment, version=1)
