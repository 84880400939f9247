"""Members and teams of a workspace, and the caller's own keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ancla_sdk.addresses import path_of
from ancla_sdk.decoding import decode, decode_list
from ancla_sdk.people import Key, Member, NewKey, Team
from ancla_sdk.transport import Transport

KEYS_AT_ONCE = 100
"""The most that one answer holds."""


class Members:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, workspace: str) -> list[Member]:
        return decode_list(Member, self._transport.get(f"{path_of(workspace, 'workspace')}/members"))

    def add(self, workspace: str, username: str, *, role: str) -> Member:
        """Makes an existing user a member."""
        body = {"username": username, "role": role}
        return decode(Member, self._transport.post(f"{path_of(workspace, 'workspace')}/members", body))

    def change(self, workspace: str, username: str, *, role: str) -> Member:
        return decode(Member, self._transport.patch(_member(workspace, username), {"role": role}))

    def remove(self, workspace: str, username: str) -> None:
        self._transport.delete(_member(workspace, username))


class Teams:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, workspace: str) -> list[Team]:
        return decode_list(Team, self._transport.get(f"{path_of(workspace, 'workspace')}/teams"))

    def create(self, workspace: str, *, name: str) -> Team:
        return decode(Team, self._transport.post(f"{path_of(workspace, 'workspace')}/teams", {"name": name}))


class Keys:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> list[Key]:
        """The newest keys of the caller, newest first."""
        return decode_list(Key, self._transport.get("/keys", limit=KEYS_AT_ONCE))

    def create(self, *, name: str, scopes: Sequence[str] = (), expires_at: str = "") -> NewKey:
        """Makes a key; `expires_at` is a time in RFC 3339."""
        body: dict[str, Any] = {"name": name, "scopes": [*scopes], **({"expires_at": expires_at} if expires_at else {})}
        return decode(NewKey, self._transport.post("/keys", body))

    def revoke(self, key_id: str) -> None:
        """The key counts no more, at once; it stays listed."""
        self._transport.post(f"/keys/{quote(key_id, safe='')}/revoke")

    def delete(self, key_id: str) -> None:
        self._transport.delete(f"/keys/{quote(key_id, safe='')}")


def _member(workspace: str, username: str) -> str:
    return f"{path_of(workspace, 'workspace')}/members/{quote(username, safe='')}"
