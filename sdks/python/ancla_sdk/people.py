"""Who may do what, as the server answers it: members, teams, keys."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    user_id: str = ""
    username: str = ""
    email: str = ""
    role: str = ""
    """`admin`, `member` or `viewer`."""
    admin: bool = False
    created: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    id: str = ""
    name: str = ""
    slug: str = ""
    created: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key without its text."""

    key_id: str = ""
    name: str = ""
    scopes: tuple[str, ...] = ()
    """The actions that it is good for; empty: all that its user may do."""
    is_active: bool = False
    created_at: str = ""
    expires_at: str = ""
    last_used_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key with its text, which is shown this once."""

    key_id: str = ""
    key: str = field(default="", repr=False)
    """Empty when the first answer was lost on its way: the text is kept nowhere."""
    name: str = ""
    scopes: tuple[str, ...] = ()
    created_at: str = ""
    expires_at: str = ""
