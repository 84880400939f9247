"""Workspaces: the top of the hierarchy, and the wall between those who may see something and those who may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address, Level, chosen_slug
from chalicelib.domain.audit import audited
from chalicelib.domain.config import Scope, scope_owner, team_owner
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.hierarchy import Workspace
from chalicelib.domain.people import Membership, Role, Team, WorkspaceOfUser
from chalicelib.manifests.vault import scope_path
from chalicelib.pipeline.attempts import repeated
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Check, Delete, Put, Store, all_of, get_one
from chalicelib.usecases.access import Actor, check_version
from chalicelib.usecases.changes import renamed
from chalicelib.usecases.membership import joining, leaving
from chalicelib.usecases.refusals import slug_taken

BATCH = 40
"""Keys or members at a time, well below what the store takes."""
MAX_CHANGES = 90
"""In the commit that deletes a workspace, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A workspace with how much is in it."""

    workspace: Workspace
    members: tuple[Membership, ...]
    projects: int
    services: int


def list_workspaces(ports: Ports, actor: Actor) -> list[Counted]:
    """All workspaces that the actor is a member of, by slug."""
    listed: list[WorkspaceOfUser] = all_of(ports.store, *keys.workspaces_of_user(actor.user_id))
    found: list[Workspace | None] = []
    for start in range(0, len(listed), BATCH):
        found += ports.store.get([keys.workspace(entry.workspace) for entry in listed[start : start + BATCH]])
    return [count(ports, workspace) for workspace in found if workspace is not None]


def count(ports: Ports, workspace: Workspace) -> Counted:
    return Counted(
        workspace=workspace,
        members=tuple(all_of(ports.store, *keys.members(workspace.slug))),
        projects=len(all_of(ports.store, *keys.projects(workspace.slug))),
        services=len(all_of(ports.store, *keys.services(workspace.address))),
    )


def create_workspace(ports: Ports, actor: Actor, *, name: str, personal: bool = False) -> Workspace:
    """A new workspace with the actor as its admin."""
    slug = chosen_slug(name, level=Level.WORKSPACE)
    return repeated(lambda: _create(ports, actor, slug, name, personal))


def rename_workspace(ports: Ports, actor: Actor, slug: str, *, name: str, expected: int | None = None) -> Workspace:
    """The workspace with a new name; its slug stays."""
    return renamed(ports, actor, name, lambda: get_workspace(ports.store, slug), expected)


def delete_workspace(ports: Ports, actor: Actor, slug: str, *, expected: int | None = None) -> None:
    """Removes the workspace with its members, teams and variables. Raises Conflict while it still has projects."""
    repeated(lambda: _delete(ports, actor, slug, expected))


def get_workspace(store: Store, slug: str) -> Workspace:
    workspace = get_one(store, keys.workspace(slug))
    if workspace is None:
        raise NotFound(f"there is no workspace {slug!r}", code="workspace_not_found", hint="list the workspaces that you can see")
    return workspace


def _create(ports: Ports, actor: Actor, slug: str, name: str, personal: bool) -> Workspace:
    existing, user = ports.store.get([keys.workspace(slug), keys.user(actor.user_id)])
    if existing is not None:
        raise slug_taken(Address(slug))
    now = ports.clock.now()
    fresh = Workspace(id=ports.clock.new_id(), slug=slug, name=name, personal=personal, created=now, updated=now)
    workspace, entry = audited(fresh, subject=fresh.id, at=now, by=actor.username, action="create", slug=slug)
    ports.store.commit([Put(workspace), Put(entry), *joining(slug, user, Role.ADMIN, now)])
    return replace(workspace, version=1)


def _delete(ports: Ports, actor: Actor, slug: str, expected: int | None) -> None:
    workspace = get_workspace(ports.store, slug)
    check_version(workspace, expected)
    if all_of(ports.store, *keys.projects(slug)):
        raise Conflict(
            f"the workspace {slug!r} still has projects",
            code="workspace_not_empty",
            hint="delete its projects first, and wait until they are gone",
        )
    members: list[Membership] = all_of(ports.store, *keys.members(slug))
    teams: list[Team] = all_of(ports.store, *keys.teams(slug))
    scope_keys = [keys.scope(slug, owner) for owner in (scope_owner(Address(slug)), *(team_owner(slug, team.slug) for team in teams))]
    scopes: list[Scope | None] = ports.store.get(scope_keys)
    closing, entry = audited(workspace, subject=workspace.id, at=ports.clock.now(), by=actor.username, action="delete")
    changes: list[Change] = [
        Delete(closing),
        Put(entry),
        *(Delete(team) for team in teams),
        # Checks where there are none, so that none can come in between.
        *(Check(key, 0) if scope is None else Delete(scope) for key, scope in zip(scope_keys, scopes, strict=True)),
    ]
    last = _all_but_the_last(ports.store, members, actor, (MAX_CHANGES - len(changes)) // 2)
    ports.store.commit([*changes, *leaving(ports.store, last)])
    for scope in scopes:
        if scope is not None:  # only now: had the commit failed, its secrets would still be needed
            ports.vault.purge(scope_path(scope.id))


def _all_but_the_last(store: Store, members: Sequence[Membership], actor: Actor, room: int) -> Sequence[Membership]:
    """The members that leave together with the workspace. Those that there is no `room` for in that commit leave before it, and never
    the actor: nobody may stay a member of what another person then creates under this slug, and somebody must be left to repeat it."""
    ordered = sorted(members, key=lambda member: member.user_id == actor.user_id)
    early, last = ordered[: max(0, len(ordered) - room)], ordered[max(0, len(ordered) - room) :]
    for start in range(0, len(early), BATCH):
        store.commit(leaving(store, early[start : start + BATCH]))
    return last
