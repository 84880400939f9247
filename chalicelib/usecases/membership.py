"""The two sides of a membership: they are written and removed together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chalicelib.domain import keys
from chalicelib.domain.people import Membership, Role, User, WorkspaceOfUser
from chalicelib.ports.store import Change, Delete, Put, Store


def joining(slug: str, user: User, role: Role, now: datetime) -> list[Change]:
    membership = Membership(workspace=slug, user_id=user.id, username=user.username, email=user.email, role=role, created=now)
    return [Put(membership), Put(WorkspaceOfUser(user_id=user.id, workspace=slug))]


def leaving(store: Store, members: Sequence[Membership]) -> list[Change]:
    sides = store.get([keys.workspace_of_user(member.user_id, member.workspace) for member in members]) if members else []
    return [*(Delete(member) for member in members), *(Delete(side) for side in sides if side is not None)]
