"""GitHub's webhook: a push becomes one run for each service that deploys its branch by itself.

    signature ── wrong, or no secret is set ──► Unauthorized
        │
    delivery ── not a push to a branch ──► noted, nothing else
        │
    for each matching service that the delivery has not reached yet:
        one commit: run (or what a pinned lane holds) + lane + audit + the delivery with this service noted

A delivery that comes twice finds every service noted; one whose first try died half way goes on where that stopped.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.domain import keys
from chalicelib.domain.errors import Conflict, Malformed, Unauthorized
from chalicelib.domain.hierarchy import Service, SourceKind
from chalicelib.domain.keys import Index, Key
from chalicelib.domain.receipts import Delivery
from chalicelib.domain.runs import Request, RunKind, Trigger
from chalicelib.domain.sources import github_location, normalized_location
from chalicelib.pipeline.intents import accept
from chalicelib.ports import Ports
from chalicelib.ports.store import Put, StoreConflict, get_one

PUSH = "push"
BRANCH = "refs/heads/"
TRIES = 8

_log = logging.getLogger("ancla.webhook")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LOGIN = re.compile(r"[A-Za-z0-9._\[\]-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What counts of a push to a branch."""

    branch: str
    commit: str
    by: str
    locations: frozenset[str]
    """The repository's addresses, normalized; the one that its full name has on GitHub among them."""


def check_signature(secret: str, body: bytes, signature: str) -> None:
    """Raises Unauthorized unless `signature` (`sha256=…`) was made of these very bytes with the webhook's secret."""
    if not secret:
        _log.warning("a webhook delivery was refused: ANCLA_WEBHOOK_SECRET is not set")
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not secret or not hmac.compare_digest(expected.encode(), signature.encode(errors="replace")):
        raise Unauthorized(
            "the delivery is not signed with this server's webhook secret",
            code="signature_invalid",
            hint="set the same secret in the webhook's settings and on the server, and content type application/json",
        )


def take_delivery(ports: Ports, *, event: str, body: bytes) -> Delivery:
    """Makes of a signed delivery what is to be made of it, once: it is known by what was signed, since whoever has seen one could send
    it again under another id. Raises Malformed when it cannot be read."""
    name = hashlib.sha256(event.encode() + b"\0" + body).hexdigest()
    payload = _payload(body)
    taken = get_one(ports.store, keys.delivery(name)) or Delivery(id=name, event=event[:100], received=ports.clock.now())
    push = read_push(payload) if event == PUSH else None
    if push is not None:
        for service in _matching(ports, push):
            taken = _passed_on(ports, taken, service, push)
    if not taken.version:
        _note(ports, taken)
    return taken


def read_push(payload: Mapping[str, Any]) -> Push | None:
    """The push that a payload tells of; None for tags and for branches that were deleted. Raises Malformed where a part that
    counts is missing."""
    ref, after, repository = payload.get("ref"), payload.get("after"), payload.get("repository")
    if not isinstance(ref, str) or not isinstance(repository, Mapping):
        raise _malformed("it names no ref, or no repository")
    if payload.get("deleted") is True or not ref.startswith(BRANCH):
        return None
    if not isinstance(after, str) or not _COMMIT.fullmatch(after):
        raise _malformed("'after' is not a commit")
    if not after.strip("0"):
        return None
    full_name = _text(repository, "full_name")
    urls = [_text(repository, name) for name in ("clone_url", "ssh_url", "git_url", "html_url", "url")]
    locations = [*urls, github_location(full_name) if full_name else ""]
    return Push(
        branch=ref.removeprefix(BRANCH),
        commit=after,
        by=f"github:{_login(payload)}",
        locations=frozenset(_normalized(location) for location in locations) - {""},
    )


def deploys_itself(service: Service, push: Push) -> bool:
    """Whether this push is for the service: its repository, and the branch that it deploys by itself."""
    if not service.auto_deploy_branch or service.auto_deploy_branch != push.branch:
        return False
    return service.source.kind is SourceKind.GIT and normalized_location(service.source.location) in push.locations


def _payload(body: bytes) -> Mapping[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise _malformed("it is not JSON") from None
    if not isinstance(payload, dict):
        raise _malformed("it is not an object")
    return payload


def _malformed(problem: str) -> Malformed:
    return Malformed(f"the delivery cannot be read: {problem}", code="delivery_malformed", hint="send it as GitHub sends it")


def _text(values: Mapping[str, Any], name: str) -> str:
    """The text, or '' for what is none: half a surrogate pair, which JSON can hold, cannot be looked up anywhere."""
    value = values.get(name)
    return value if isinstance(value, str) and value.isprintable() else ""


def _login(payload: Mapping[str, Any]) -> str:
    people = [(payload.get("pusher"), "name"), (payload.get("sender"), "login")]
    logins = [_text(person, name) for person, name in people if isinstance(person, Mapping)]
    return next((login for login in logins if _LOGIN.fullmatch(login)), "unknown")


def _normalized(location: str) -> str:
    try:
        return normalized_location(location)
    except ValueError:  # an address that is none, such as one with half an IPv6 host
        return ""


def _note(ports: Ports, delivery: Delivery) -> None:
    """Writes down a delivery that made nothing."""
    with suppress(StoreConflict):  # another try of the same delivery has done so
        ports.store.commit([Put(delivery)])


def _matching(ports: Ports, push: Push) -> list[Service]:
    """The services that the push is for, read afresh: the index that leads to them may be stale."""
    found: list[Key[Service]] = []
    for location in sorted(push.locations):
        after: str | None = None
        while True:
            page = ports.store.find(Index.SOURCE, location, after=after)
            found.extend(page.items)
            after = page.next
            if after is None:
                break
    unique = list(dict.fromkeys(found))
    records = [record for start in range(0, len(unique), 100) for record in ports.store.get(unique[start : start + 100])]
    return [record for record in records if record is not None and deploys_itself(record, push)]


def _passed_on(ports: Ports, delivery: Delivery, service: Service, push: Push) -> Delivery:
    """The delivery with this service noted, in one commit with the intent that it makes there."""
    request = Request(kind=RunKind.DEPLOY, trigger=Trigger.PUSH, by=push.by, ref=push.commit, delivery=delivery.id)
    for _ in range(TRIES):
        if service.id in delivery.runs.values():
            return delivery
        noted = replace(delivery, runs={**delivery.runs, str(service.address): service.id})
        try:
            accept(ports, service, request, changes=[Put(noted)])
            return replace(noted, version=noted.version + 1)
        except StoreConflict:  # the same delivery is being taken twice at this moment
            delivery = get_one(ports.store, keys.delivery(delivery.id)) or delivery
        except Conflict as closing:
            _log.info("the push %s passed %s by: %s", delivery.id, service.address, closing.message)
            return delivery
    raise StoreConflict([keys.delivery(delivery.id)])
