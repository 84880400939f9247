"""The first user of a new installation."""

from __future__ import annotations

from contextlib import suppress

from chalicelib.domain.errors import Conflict
from chalicelib.ports import Ports
from chalicelib.usecases.access import Actor
from chalicelib.usecases.apikeys import issue
from chalicelib.usecases.people import create_user, user_id_of

ADMIN = "admin"
KEY_NAME = "key file"


def ensure_admin(ports: Ports) -> str | None:
    """Makes the user `admin` at the first start and returns the one key of it; None when it is there already."""
    with suppress(Conflict):  # also when another process is quicker: then it returns the key
        return create_user(ports, ADMIN).key
    return None


def new_admin_key(ports: Ports) -> str:
    """A further key of the admin, for an installation whose first one was lost before anybody had it, or since."""
    return issue(ports, Actor(user_id_of(ADMIN), ADMIN), name=KEY_NAME).key
