"""API keys on the wire: under /api/keys, where the published description has them, and under /api/v1/keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from chalicelib.api.routes import V1, Call, Reply, Route
from chalicelib.api.views import Body, Moment, View
from chalicelib.domain.people import ApiKey
from chalicelib.domain.policy import Action
from chalicelib.usecases import apikeys


class NewKey(Body, frozen=True, kw_only=True):
    """A key to be. `scopes` limit it to some actions; `prefix` is taken and has no effect, since all keys begin with `ancla_`."""

    name: str
    scopes: list[str] = []
    prefix: str | None = None
    expires_at: Moment | None = None
    metadata: dict[str, str] = {}


class Paging(Body, frozen=True, kw_only=True):
    """Which part of a list."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 50
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0


class KeyView(View, frozen=True, kw_only=True):
    """A key, without its text."""

    key_id: str
    name: str
    scopes: list[str]
    is_active: bool
    created_at: Moment
    metadata: dict[str, str]
    expires_at: Moment | None
    last_used_at: Moment | None


class IssuedKey(View, frozen=True, kw_only=True):
    """A new key with its text: the only time that it is shown."""

    key_id: str
    key: str
    name: str
    scopes: list[str]
    created_at: Moment
    expires_at: Moment | None


class KeyPage(View, frozen=True, kw_only=True):
    """A part of the caller's keys, newest first."""

    items: list[KeyView]
    total: int
    limit: int
    offset: int


def list_keys(call: Call) -> Reply:
    query: Paging = call.query
    listed = apikeys.list_keys(call.ports, call.actor)
    now = call.ports.clock.now()
    items = [_view(key, now) for key in listed[query.offset : query.offset + query.limit]]
    return Reply(body=KeyPage(items=items, total=len(listed), limit=query.limit, offset=query.offset))


def create_key(call: Call) -> Reply:
    body: NewKey = call.body
    issued = apikeys.issue(call.ports, call.actor, name=body.name, scopes=body.scopes, expires=body.expires_at, metadata=body.metadata)
    record = issued.record
    view = IssuedKey(
        key_id=record.id,
        key=issued.key,
        name=record.name,
        scopes=list(record.scopes),
        created_at=record.created,
        expires_at=record.expires,
    )
    return Reply(body=view)


def get_key(call: Call) -> Reply:
    return Reply(body=_view(apikeys.get_key(call.ports, call.actor, call.params["key_id"]), call.ports.clock.now()))


def delete_key(call: Call) -> Reply:
    apikeys.delete_key(call.ports, call.actor, call.params["key_id"])
    return Reply()


def revoke_key(call: Call) -> Reply:
    apikeys.revoke_key(call.ports, call.actor, call.params["key_id"])
    return Reply()


def _view(key: ApiKey, now: datetime) -> KeyView:
    return KeyView(
        key_id=key.id,
        name=key.name,
        scopes=list(key.scopes),
        is_active=key.usable(now),
        created_at=key.created,
        metadata=dict(key.metadata),
        expires_at=key.expires,
        last_used_at=key.last_used,
    )


def _routes(base: str, suffix: str) -> tuple[Route, ...]:
    one = f"{base}/{{key_id}}"
    own = Action.SIGNED_IN
    return (
        Route("GET", base, own, list_keys, "List the caller's API keys", query=Paging, returns=KeyPage, name=f"list_keys{suffix}"),
        Route(
            "POST",
            base,
            own,
            create_key,
            "Create an API key; its text is shown this once",
            body=NewKey,
            returns=IssuedKey,
            status=201,
            name=f"create_key{suffix}",
            withheld=("key",),
        ),
        Route("GET", one, own, get_key, "Show an API key", returns=KeyView, name=f"get_key{suffix}"),
        Route("DELETE", one, own, delete_key, "Delete an API key", status=204, name=f"delete_key{suffix}"),
        Route("POST", f"{one}/revoke", own, revoke_key, "Revoke an API key; it stays listed", status=204, name=f"revoke_key{suffix}"),
    )


ROUTES = (*_routes("/api/keys", ""), *_routes(f"{V1}/keys", "_alias"))
