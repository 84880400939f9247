"""Users. They are made by whoever runs the installation, not over the API."""

from __future__ import annotations

import re
import uuid

from chalicelib.domain import keys
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.people import User
from chalicelib.ports import Ports
from chalicelib.ports.store import Store, get_one
from chalicelib.usecases.access import Actor
from chalicelib.usecases.apikeys import Issued, issue

_NAMESPACE = uuid.UUID("6a0e4d8e-6f0c-4c0e-9f6b-1d3a3d8f2b5c")
_USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,37}[a-z0-9])?")


def user_id_of(username: str) -> str:
    """The id of the user of this name, which never changes: so a name is given to one user alone, and found without an index."""
    return str(uuid.uuid5(_NAMESPACE, username))


def create_user(ports: Ports, username: str, *, email: str = "") -> Issued:
    """A new user with a first key. Raises Conflict when there is one of that name."""
    if not _USERNAME.fullmatch(username):
        raise Invalid(
            f"{username[:80]!r} cannot be a user name",
            code="username_invalid",
            hint="use a-z, 0-9, and '.', '_', '-' in between, at most 39 characters",
            extra={"username": "not a user name"},
        )
    user = User(id=user_id_of(username), username=username, email=email, created=ports.clock.now())
    if get_one(ports.store, keys.user(user.id)) is not None:
        raise Conflict(f"there is a user {username!r} already", code="username_taken", hint="choose another name")
    return issue(ports, Actor(user.id, username), name="first key", alongside=[user])


def get_user(store: Store, username: str) -> User:
    user = get_one(store, keys.user(user_id_of(username)))
    if user is None:
        raise NotFound(
            f"there is no user {username[:80]!r}",
            code="user_not_found",
            hint="check the spelling; who runs the installation adds users, with 'make user NAME=…'",
        )
    return user
