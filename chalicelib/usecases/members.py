"""Who belongs to a workspace, and as what. A workspace always has an admin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.domain import keys
from chalicelib.domain.audit import audited
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.hierarchy import Workspace
from chalicelib.domain.people import Membership, Role
from chalicelib.pipeline.attempts import repeated
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Put, Store, all_of, get_one
from chalicelib.usecases.access import Actor
from chalicelib.usecases.membership import joining, leaving
from chalicelib.usecases.people import get_user
from chalicelib.usecases.workspaces import get_workspace


def list_members(ports: Ports, workspace_slug: str) -> list[Membership]:
    return all_of(ports.store, *keys.members(workspace_slug))


def add_member(ports: Ports, actor: Actor, workspace_slug: str, *, username: str, role: Role) -> Membership:
    """Makes an existing user a member. Raises Conflict for one who is a member already."""

    def attempt() -> Membership:
        workspace = get_workspace(ports.store, workspace_slug)
        user = get_user(ports.store, username)
        if get_one(ports.store, keys.membership(workspace_slug, user.id)) is not None:
            raise Conflict(
                f"{username!r} is a member of {workspace_slug!r} already", code="member_exists", hint="change the role of the member"
            )
        _commit(ports, actor, workspace, "add_member", user.username, role, joining(workspace_slug, user, role, ports.clock.now()))
        return _member(ports.store, workspace_slug, user.id)

    return repeated(attempt)


def change_role(ports: Ports, actor: Actor, workspace_slug: str, user: str, role: Role) -> Membership:
    def attempt() -> Membership:
        workspace = get_workspace(ports.store, workspace_slug)
        member = _member(ports.store, workspace_slug, user)
        if role is not Role.ADMIN:
            _check_admin_stays(ports.store, member)
        _commit(ports, actor, workspace, "change_role", member.username, role, [Put(replace(member, role=role))])
        return replace(member, role=role)

    return repeated(attempt)


def remove_member(ports: Ports, actor: Actor, workspace_slug: str, user: str) -> None:
    def attempt() -> None:
        workspace = get_workspace(ports.store, workspace_slug)
        member = _member(ports.store, workspace_slug, user)
        _check_admin_stays(ports.store, member)
        _commit(ports, actor, workspace, "remove_member", member.username, member.role, leaving(ports.store, [member]))

    repeated(attempt)


def _commit(ports: Ports, actor: Actor, workspace: Workspace, action: str, username: str, role: Role, changes: Sequence[Change]) -> None:
    """The changes and the workspace's trail. Writing the workspace is what lets two who remove each other's admins see it."""
    moved, entry = audited(
        workspace,
        subject=workspace.id,
        at=ports.clock.now(),
        by=actor.username,
        action=action,
        username=username,
        role=role.value,
    )
    ports.store.commit([Put(moved), Put(entry), *changes])


def _member(store: Store, workspace_slug: str, user: str) -> Membership:
    """The member of this user name or id."""
    members: list[Membership] = all_of(store, *keys.members(workspace_slug))
    found = next((member for member in members if user in {member.username, member.user_id}), None)
    if found is None:
        raise NotFound(f"{user[:80]!r} is no member of {workspace_slug!r}", code="member_not_found", hint="list the members")
    return found


def _check_admin_stays(store: Store, leaving_member: Membership) -> None:
    members: list[Membership] = all_of(store, *keys.members(leaving_member.workspace))
    if not any(member.role is Role.ADMIN and member.user_id != leaving_member.user_id for member in members):
        raise Conflict(
            f"{leaving_member.username!r} is the last admin of {leaving_member.workspace!r}",
            code="last_admin",
            hint="make another member an admin first",
        )
