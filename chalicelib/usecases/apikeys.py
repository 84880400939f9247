"""API keys of a user: shown once, stored as a hash, revocable at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.domain import apikeys, keys
from chalicelib.domain.addresses import check_name, is_uuid
from chalicelib.domain.audit import AuditEntry, audited
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.people import ApiKey, ApiKeyOfUser, User
from chalicelib.domain.policy import Action
from chalicelib.pipeline.attempts import repeated
from chalicelib.ports import Ports
from chalicelib.ports.store import Delete, Put, all_of, get_one
from chalicelib.usecases.access import Actor

KEY_BYTES = 32
MAX_METADATA = 20
MAX_METADATA_TEXT = 200
SCOPES = tuple(action.value for action in Action if action not in {Action.PUBLIC, Action.SIGNED_IN})
"""What a key can be limited to: the actions in a workspace. A limited key never makes keys or workspaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new key, and its text: the only time that it is known."""

    record: ApiKey
    key: str = field(repr=False)


def issue(
    ports: Ports,
    actor: Actor,
    *,
    name: str,
    scopes: Sequence[str] = (),
    expires: datetime | None = None,
    metadata: Mapping[str, str] | None = None,
    alongside: Sequence[User] = (),
) -> Issued:
    """A new key of the actor. `alongside` are records that are written in the same commit."""
    metadata = metadata or {}
    now = ports.clock.now()
    _check(name, scopes, expires, metadata, now)
    text = apikeys.format_key(ports.clock.random_bytes(KEY_BYTES))
    record = ApiKey(
        id=ports.clock.new_id(),
        key_hash=apikeys.hash_of(text),
        user_id=actor.user_id,
        name=name,
        scopes=tuple(dict.fromkeys(scopes)),
        metadata=dict(metadata),
        created=now,
        expires=expires,
    )
    listed = ApiKeyOfUser(user_id=actor.user_id, id=record.id, key_hash=record.key_hash)
    entry = _audit(ports, record, actor, "create")
    ports.store.commit([*(Put(other) for other in alongside), Put(record), Put(listed), Put(entry)])
    return Issued(record=replace(record, version=1), key=text)


def list_keys(ports: Ports, actor: Actor) -> list[ApiKey]:
    """All keys of the actor, revoked ones too, newest first."""
    listed: list[ApiKeyOfUser] = all_of(ports.store, *keys.api_keys_of_user(actor.user_id))
    found: list[ApiKey | None] = []
    for start in range(0, len(listed), 100):
        found += ports.store.get([keys.api_key(entry.key_hash) for entry in listed[start : start + 100]])
    return sorted((key for key in found if key is not None), key=lambda key: (key.created, key.id), reverse=True)


def get_key(ports: Ports, actor: Actor, key_id: str) -> ApiKey:
    listed = get_one(ports.store, keys.api_key_of_user(actor.user_id, key_id)) if is_uuid(key_id) else None
    record = get_one(ports.store, keys.api_key(listed.key_hash)) if listed is not None else None
    if record is None:
        raise NotFound(f"you have no API key {key_id[:80]!r}", code="key_not_found", hint="list your keys")
    return record


def revoke_key(ports: Ports, actor: Actor, key_id: str) -> None:
    """From now on the key is refused; it stays listed. Revoking it again changes nothing."""

    def attempt() -> None:
        record = get_key(ports, actor, key_id)
        if not record.revoked:
            entry = _audit(ports, record, actor, "revoke")
            ports.store.commit([Put(replace(record, revoked=True)), Put(entry)])

    repeated(attempt)


def delete_key(ports: Ports, actor: Actor, key_id: str) -> None:
    """The key is refused from now on, and not listed any more."""

    def attempt() -> None:
        record = get_key(ports, actor, key_id)
        listed = get_one(ports.store, keys.api_key_of_user(actor.user_id, key_id))
        entry = _audit(ports, record, actor, "delete")
        ports.store.commit([Delete(record), *([Delete(listed)] if listed is not None else []), Put(entry)])

    repeated(attempt)


def _check(name: str, scopes: Sequence[str], expires: datetime | None, metadata: Mapping[str, str], now: datetime) -> None:
    check_name(name)
    for scope in scopes:
        if scope not in SCOPES:
            raise Invalid(
                f"{scope[:80]!r} is not a scope",
                code="scope_invalid",
                hint=f"use some of {', '.join(SCOPES)}, or none for all that you may do",
                extra={"scopes": "not a scope"},
            )
    if expires is not None and expires <= now:
        raise Invalid(
            "the key would have run out already", code="expiry_past", hint="choose a time to come", extra={"expires_at": "in the past"}
        )
    too_long = any(len(text) > MAX_METADATA_TEXT or not text.isprintable() for pair in metadata.items() for text in pair)
    if len(metadata) > MAX_METADATA or too_long:
        raise Invalid(
            "the metadata is too much",
            code="metadata_invalid",
            hint=f"use at most {MAX_METADATA} entries of printable text, each at most {MAX_METADATA_TEXT} characters",
            extra={"metadata": "too much"},
        )


@dataclass(frozen=True, slots=True)
class _Trail:
    """A key's record is written at every use, so it does not carry its trail: the few entries are read instead."""

    audit_number: int = 0
    audit_head: str = ""


def _audit(ports: Ports, record: ApiKey, actor: Actor, action: str) -> AuditEntry:
    entries: list[AuditEntry] = all_of(ports.store, *keys.audit_trail(record.id))
    trail = _Trail(entries[-1].number, entries[-1].hash) if entries else _Trail()
    return audited(trail, subject=record.id, at=ports.clock.now(), by=actor.username, action=action, name=record.name)[1]
