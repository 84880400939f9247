"""Whether the API answers."""

from __future__ import annotations

from chalicelib.api.routes import V1, Call, Reply, Route
from chalicelib.api.views import View
from chalicelib.domain.policy import Action


class Health(View, frozen=True, kw_only=True):
    """The API answers. It says nothing of what the API stands on: a server must not be taken away for what another one lacks."""

    status: str = "ok"


def show_health(call: Call) -> Reply:
    return Reply(body=Health())


ROUTES = (Route("GET", f"{V1}/integrations/health", Action.PUBLIC, show_health, "Say that the API answers", returns=Health),)
