"""Users, what they may do in a workspace, and the keys they call with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a member may do; the table is `policy.ALLOWED`."""

    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: str
    username: str
    email: str = ""
    created: datetime
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One user's place in one workspace. Stored twice, under the workspace and under the user: lists are never stale."""

    workspace: str
    user_id: str
    username: str
    email: str = ""
    role: Role
    created: datetime
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceOfUser:
    """The user's side of a membership."""

    user_id: str
    workspace: str
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A group in a workspace that shares config and owns services; changes nobody's access."""

    id: str
    workspace: str
    slug: str
    name: str
    created: datetime
    version: int = 0
    audit_number: int = 0
    audit_head: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key by its hash: the key itself is shown once and kept nowhere."""

    id: str
    key_hash: str
    user_id: str
    name: str
    scopes: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    created: datetime
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: bool = False
    version: int = 0

    def usable(self, now: datetime) -> bool:
        return not self.revoked and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyOfUser:
    """The user's side of a key, for lists and for finding the hash by the key's id."""

    user_id: str
    id: str
    key_hash: str
    version: int = 0
