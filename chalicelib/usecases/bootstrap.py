"""The first user of a new installation."""

from __future__ import annotations

from contextlib import suppress

from chalicelib.domain import keys
from chalicelib.domain.people import User
from chalicelib.ports import Ports
from chalicelib.ports.store import Conflict, get_one
from chalicelib.usecases.access import Actor
from chalicelib.usecases.apikeys import issue

ADMIN_ID = "00000000-0000-4000-8000-000000000001"
"""Fixed, so that two first starts at the same moment make one user."""
ADMIN_NAME = "admin"


def ensure_admin(ports: Ports) -> str | None:
    """Makes the user `admin` at the first start and returns the one key of it; None when it is there already."""
    if get_one(ports.store, keys.user(ADMIN_ID)) is not None:
        return None
    now = ports.clock.now()
    user = User(id=ADMIN_ID, username=ADMIN_NAME, created=now)
    with suppress(Conflict):  # another process was quicker: the key is the one that it returned
        return issue(ports, Actor(user.id, user.username), name="first key", alongside=[user]).key
    return None
