"""The first user of a new installation."""

from __future__ import annotations

from contextlib import suppress

from chalicelib.domain.errors import Conflict
from chalicelib.ports import Ports
from chalicelib.usecases.people import create_user

ADMIN = "admin"


def ensure_admin(ports: Ports) -> str | None:
    """Makes the user `admin` at the first start and returns the one key of it; None when it is there already."""
    with suppress(Conflict):  # also when another process is quicker: then it returns the key
        return create_user(ports, ADMIN).key
    return None
