"""GitHub's webhook over HTTP."""

from __future__ import annotations

from chalicelib.api.bodies import JSON
from chalicelib.api.errors import UnsupportedMediaType
from chalicelib.api.routes import MIB, V1, Call, Reply, Route
from chalicelib.api.views import View
from chalicelib.domain.errors import Malformed
from chalicelib.domain.policy import Action
from chalicelib.usecases import webhooks


class Hook(View, frozen=True, kw_only=True):
    """The delivery was taken. What it started goes on by itself."""

    ok: bool = True
    hook_id: str = ""


def receive_github_hook(call: Call) -> Reply:
    """The signature comes first: to who cannot sign, nothing else is said."""
    headers = call.headers
    webhooks.check_signature(call.ports.settings.webhook_secret, call.raw, headers.get("x-hub-signature-256", ""))
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != JSON:
        raise UnsupportedMediaType(f"the delivery is {kind[:80]!r}", hint=f"choose the content type {JSON} in the webhook's settings")
    event = headers.get("x-github-event", "")
    if not event:
        raise Malformed("the delivery names no event", code="delivery_malformed", hint="send the header X-GitHub-Event")
    taken = webhooks.take_delivery(call.ports, event=event, body=call.raw)
    return Reply(body=Hook(hook_id=headers.get("x-github-delivery", "")[:100] or taken.id))


ROUTES = (
    Route(
        "POST",
        f"{V1}/integrations/github/hooks",
        Action.PUBLIC,
        receive_github_hook,
        "Take a delivery of the GitHub webhook",
        raw_body=True,
        max_body=5 * MIB,
        returns=Hook,
        status=201,
    ),
)
