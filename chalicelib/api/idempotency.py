"""Idempotency-Key: a mutation that is sent again is answered again, and done once.

no receipt, or an old one   -> claim (status 0, for CLAIM_TIME) -> work, whose first commit spends the claim -> receipt (for KEPT)
receipt, same request       -> its answer again
receipt, another request    -> 422
claim, not run out          -> 409, in progress
claim, spent, run out       -> 409, the answer is lost: the worker died after its commit, and the work is not done again
the work ends in an error   -> the claim is given back: an error has done nothing, so the same key may try again
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from chalicelib.domain import keys
from chalicelib.domain.errors import AnclaError, Conflict, Invalid, StaleWrite
from chalicelib.domain.keys import Index, Key
from chalicelib.domain.receipts import Answered
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Delete, Page, Put, get_one

KEPT = timedelta(hours=24)
CLAIM_TIME = timedelta(seconds=60)
"""Longer than any request may take, so that a claim which is older was left by a worker that died."""
MAX_KEY = 255

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An answer as it goes out."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatable:
    """A request with an Idempotency-Key. `withheld` are the fields of its answer that are never stored."""

    user_id: str
    key: str
    fingerprint: str
    raw: bytes
    withheld: Collection[str] = ()


def fingerprint(proof: str, method: str, path: str, raw: bytes) -> str:
    """Equal for two requests that ask for the same. Keyed with the caller's own API key, so that a value in the body cannot be
    guessed from what is stored."""
    content = b"\0".join([method.encode(), path.encode(), raw])
    return hmac.new(proof.encode(), content, hashlib.sha256).hexdigest()


class _SpendingStore:
    """The store, whose first commit also spends the claim: the work and the note that it was done are one."""

    def __init__(self, ports: Ports, claim: Answered) -> None:
        self._ports = ports
        self.claim = claim

    def get(self, keys: Sequence[Key[Any]]) -> list[Any]:
        return self._ports.store.get(keys)

    def query(
        self, partition: str, prefix: str = "", *, newest_first: bool = False, limit: int = 100, after: str | None = None
    ) -> Page[Any]:
        return self._ports.store.query(partition, prefix, newest_first=newest_first, limit=limit, after=after)

    def find(self, index: Index, value: str, *, up_to: str | None = None, limit: int = 100, after: str | None = None) -> Page[Key[Any]]:
        return self._ports.store.find(index, value, up_to=up_to, limit=limit, after=after)

    def commit(self, changes: Sequence[Change]) -> None:
        if self.claim.spent is not None:
            self._ports.store.commit(changes)
            return
        now = self._ports.clock.now()
        spent = replace(self.claim, spent=now, expires=now + KEPT)
        self._ports.store.commit([*changes, Put(spent)])
        self.claim = replace(spent, version=spent.version + 1)


def answer_once(ports: Ports, request: Repeatable, work: Callable[[Ports], Sent]) -> Sent:
    """What `work` answers, or what it answered when the same request came before. It does its work over the ports it is given."""
    _check_key(request.key)
    stored = get_one(ports.store, keys.answered(request.user_id, request.key))
    if stored is not None and ports.clock.now() < stored.expires:
        return _again(stored, request, ports.clock.now())
    store = _SpendingStore(ports, _claim(ports, request, 0 if stored is None else stored.version))
    try:
        sent = work(replace(ports, store=store))
    except BaseException:
        if store.claim.spent is None:
            _record(ports, Delete(store.claim))
        raise
    claim = store.claim
    kept = replace(claim, status=sent.status, body=_without(sent.body, request.withheld), expires=ports.clock.now() + KEPT)
    _record(ports, Put(kept))
    return sent


def _check_key(key: str) -> None:
    if not (0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        raise Invalid(
            "the Idempotency-Key cannot be read",
            code="idempotency_key_invalid",
            hint=f"use 1 to {MAX_KEY} printable ASCII characters, such as a UUID",
        )


def _again(stored: Answered, request: Repeatable, now: datetime) -> Sent:
    if not hmac.compare_digest(stored.request_hash, request.fingerprint):
        raise Invalid(
            "this Idempotency-Key came with another request before",
            code="idempotency_key_reused",
            hint="use a new key for each request that is not a repetition",
        )
    if not stored.status:
        raise _in_progress() if stored.spent is None or now < stored.spent + CLAIM_TIME else _lost()
    return Sent(status=stored.status, body=_filled(stored.body, request.raw, request.withheld), headers={"Idempotent-Replayed": "true"})


def _claim(ports: Ports, request: Repeatable, version: int) -> Answered:
    """The claim as it is stored, once nobody else has one."""
    claim = Answered(
        user_id=request.user_id,
        key=request.key,
        request_hash=request.fingerprint,
        expires=ports.clock.now() + CLAIM_TIME,
        version=version,
    )
    try:
        ports.store.commit([Put(claim)])
    except StaleWrite:
        raise _in_progress() from None
    return replace(claim, version=version + 1)


def _in_progress() -> Conflict:
    return Conflict(
        "a request with this Idempotency-Key is being worked on",
        code="idempotency_in_progress",
        hint="send the same request again in a moment to get its answer",
    )


def _lost() -> Conflict:
    return Conflict(
        "a request with this Idempotency-Key was carried out, and its answer is lost",
        code="idempotency_answer_lost",
        hint="look at what it made, for example the newest run; it is not done a second time",
    )


def _record(ports: Ports, change: Put | Delete) -> None:
    """Notes how the work went. The work itself counts, so an answer is not taken back when this fails."""
    try:
        ports.store.commit([change])
    except AnclaError:
        _log.warning("the receipt of an idempotent request could not be written", exc_info=True)


def _without(body: str, names: Collection[str]) -> str:
    return _mapped(body, lambda name, value: "" if name in names else value) if body and names else body


def _filled(body: str, raw: bytes, names: Collection[str]) -> str:
    """The stored answer with what was withheld from it put back from the repeated request, as far as it is there."""
    if not (body and raw and names):
        return body
    asked = msgspec.json.decode(raw)
    known = {name: asked[name] for name in names if name in asked} if isinstance(asked, dict) else {}
    return _mapped(body, lambda name, value: known.get(name, value))


def _mapped(body: str, change: Callable[[str, Any], Any]) -> str:
    parsed = msgspec.json.decode(body)
    if isinstance(parsed, list):
        return msgspec.json.encode([_changed(item, change) for item in parsed]).decode()
    return msgspec.json.encode(_changed(parsed, change)).decode()


def _changed(item: Any, change: Callable[[str, Any], Any]) -> Any:
    return {name: change(name, value) for name, value in item.items()} if isinstance(item, dict) else item
