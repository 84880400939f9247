"""Workspaces: the top of the hierarchy, and the wall between those who may see something and those who may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address, Level, check_name, chosen_slug
from chalicelib.domain.audit import audited
from chalicelib.domain.config import Scope, scope_owner, team_owner
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.hierarchy import Workspace
from chalicelib.domain.people import Membership, Role, Team, User, WorkspaceOfUser
from chalicelib.manifests.vault import scope_path
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Check, Delete, Put, Store, all_of, get_one
from chalicelib.usecases.access import Actor, check_version
from chalicelib.usecases.attempts import repeated

BATCH = 40
"""Keys or changes at a time, well below what the store takes."""


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
    check_name(name)

    def attempt() -> Workspace:
        workspace = get_workspace(ports.store, slug)
        check_version(workspace, expected)
        now = ports.clock.now()
        renamed, entry = audited(
            replace(workspace, name=name, updated=now), subject=workspace.id, at=now, by=actor.username, action="rename", name=name
        )
        ports.store.commit([Put(renamed), Put(entry)])
        return replace(renamed, version=renamed.version + 1)

    return repeated(attempt)


def delete_workspace(ports: Ports, actor: Actor, slug: str, *, expected: int | None = None) -> None:
    """Removes the workspace with its members, teams and variables. Raises Conflict while it still has projects."""
    repeated(lambda: _delete(ports, actor, slug, expected))


def get_workspace(store: Store, slug: str) -> Workspace:
    workspace = get_one(store, keys.workspace(slug))
    if workspace is None:
        raise NotFound(f"there is no workspace {slug!r}", code="workspace_not_found", hint="list the workspaces that you can see")
    return workspace


def slug_taken(level: Level, address: Address) -> Conflict:
    return Conflict(
        f"the {level.value} {str(address)!r} is there already",
        code="slug_taken",
        hint="choose another name, or use the one that is there",
        extra={"slug": address.slug},
    )


def _create(ports: Ports, actor: Actor, slug: str, name: str, personal: bool) -> Workspace:
    existing, user = ports.store.get([keys.workspace(slug), keys.user(actor.user_id)])
    if existing is not None:
        raise slug_taken(Level.WORKSPACE, Address(slug))
    now = ports.clock.now()
    fresh = Workspace(id=ports.clock.new_id(), slug=slug, name=name, personal=personal, created=now, updated=now)
    workspace, entry = audited(fresh, subject=fresh.id, at=now, by=actor.username, action="create", slug=slug)
    ports.store.commit([Put(workspace), Put(entry), *_joining(slug, user, Role.ADMIN, now)])
    return replace(workspace, version=1)


def _joining(slug: str, user: User, role: Role, now: datetime) -> list[Change]:
    membership = Membership(workspace=slug, user_id=user.id, username=user.username, email=user.email, role=role, created=now)
    return [Put(membership), Put(WorkspaceOfUser(user_id=user.id, workspace=slug))]


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
    others = [member for member in members if member.user_id != actor.user_id]
    # The others go first and the actor with the workspace itself: should this end half-way, somebody is left to repeat it, and
    # nobody stays a member of what another person may then create under this slug.
    for start in range(0, len(others), BATCH):
        ports.store.commit(_leaving(ports.store, others[start : start + BATCH]))
    closing, entry = audited(workspace, subject=workspace.id, at=ports.clock.now(), by=actor.username, action="delete")
    mine = [member for member in members if member.user_id == actor.user_id]
    ports.store.commit(
        [Delete(closing), Put(entry), *_leaving(ports.store, mine), *_without_config(ports, slug, all_of(ports.store, *keys.teams(slug)))]
    )


def _leaving(store: Store, members: Sequence[Membership]) -> list[Change]:
    sides = store.get([keys.workspace_of_user(member.user_id, member.workspace) for member in members]) if members else []
    return [*(Delete(member) for member in members), *(Delete(side) for side in sides if side is not None)]


def _without_config(ports: Ports, slug: str, teams: Sequence[Team]) -> list[Change]:
    """Deletions of the teams and of all variables, or checks that there are none: so none can come in between."""
    owners = [scope_owner(Address(slug)), *(team_owner(slug, team.slug) for team in teams)]
    keys_of_scopes = [keys.scope(slug, owner) for owner in owners]
    scopes: list[Scope | None] = ports.store.get(keys_of_scopes)
    for scope in scopes:
        if scope is not None:
            ports.vault.purge(scope_path(scope.id))
    changes: list[Change] = [Delete(team) for team in teams]
    return changes + [Check(key, 0) if scope is None else Delete(scope) for key, scope in zip(keys_of_scopes, scopes, strict=True)]
