"""Who is calling, what a path names, and whether the caller may do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from chalicelib.domain import apikeys, keys
from chalicelib.domain.addresses import HIERARCHY, Address, Level, is_slug, is_uuid
from chalicelib.domain.errors import Forbidden, NotFound, StaleWrite, Unauthorized
from chalicelib.domain.hierarchy import Environment, Project, Service, Workspace
from chalicelib.domain.keys import ID_PREFIX, Index, Key
from chalicelib.domain.people import ApiKey, Membership
from chalicelib.domain.policy import Action, allowed
from chalicelib.ports import Ports
from chalicelib.ports.store import Put, Store, StoreConflict, get_one

LAST_USED_STEP = timedelta(hours=1)
"""How exact a key's `last_used` is: a write for every call would cost more than it tells."""

LevelRecord = Workspace | Project | Environment | Service
"""What lies at a level of the hierarchy."""
P = TypeVar("P", Workspace, Project, Environment, Service)

_TYPES: Mapping[Level, type[LevelRecord]] = {
    Level.WORKSPACE: Workspace,
    Level.PROJECT: Project,
    Level.ENVIRONMENT: Environment,
    Level.SERVICE: Service,
}


@dataclass(frozen=True, slots=True)
class Actor:
    """The user in whose name something is done."""

    user_id: str
    username: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An actor, and what is known of the key that it called with."""

    actor: Actor
    email: str = ""
    scopes: tuple[str, ...] = ()
    """The actions that the key is good for; empty: all that its user may do."""
    client: str = ""
    """The client that the key was made for, as its metadata says."""
    proof: str = field(default="", repr=False)
    """The key itself, to make hashes with that nobody can guess from. Never stored, never shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a path names: the records from the workspace down, and the caller's membership, all read at one moment."""

    membership: Membership
    chain: tuple[LevelRecord, ...]
    """The records by level, the workspace first."""

    @property
    def address(self) -> Address:
        return self.chain[-1].address

    @property
    def workspace(self) -> Workspace:
        return self._at(0, Workspace)

    @property
    def project(self) -> Project:
        return self._at(1, Project)

    @property
    def environment(self) -> Environment:
        return self._at(2, Environment)

    @property
    def service(self) -> Service:
        return self._at(3, Service)

    def _at(self, depth: int, kind: type[P]) -> P:
        record = self.chain[depth]
        assert isinstance(record, kind)
        return record


def authenticate(ports: Ports, key: str) -> Caller:
    """The caller whose key this is. Raises Unauthorized for one that was never given out, is revoked or has run out."""
    if not key:
        raise Unauthorized("no API key was sent", code="key_missing", hint="send your key in the header X-API-Key")
    if not apikeys.is_well_formed(key):
        raise Unauthorized("this is not the form of an API key", code="key_malformed", hint="copy the whole key, from 'ancla_' on")
    now = ports.clock.now()
    record = get_one(ports.store, keys.api_key(apikeys.hash_of(key)))
    user = get_one(ports.store, keys.user(record.user_id)) if record is not None and record.usable(now) else None
    if record is None or user is None:
        raise Unauthorized("this API key is not valid, or not any more", code="key_invalid", hint="make a new key and use that")
    _note_use(ports.store, record, now)
    return Caller(
        actor=Actor(user.id, user.username),
        email=user.email,
        scopes=record.scopes,
        client=record.metadata.get("client", ""),
        proof=key,
    )


def locate(ports: Ports, user_id: str, parts: Sequence[str]) -> Place:
    """The place that one to four path parts name, each a slug or a UUID. Raises NotFound, in the same words, for what is not there
    and for what the user may not see."""
    address = _address(ports.store, parts)
    membership, *records = ports.store.get([keys.membership(address.workspace, user_id), *_chain_keys(address)])
    if membership is None or records[0] is None:
        raise _nothing(Level.WORKSPACE, parts[0])
    for level, part, record in zip(HIERARCHY, parts, records, strict=False):
        if record is None:
            raise _nothing(level, part)
    return Place(membership=membership, chain=tuple(records))


def permit(caller: Caller, membership: Membership, action: Action) -> None:
    """Raises Forbidden unless the member's role and the key's scopes allow `action`."""
    if not allowed(membership.role, action):
        raise Forbidden(
            f"the role {membership.role.value!r} in {membership.workspace!r} does not allow {action.value!r}",
            code="role_insufficient",
            hint="ask an admin of the workspace",
        )
    permit_key(caller, action)


def permit_key(caller: Caller, action: Action) -> None:
    """Raises Forbidden unless the key that was used is good for `action`, whatever its user may do."""
    if caller.scopes and action.value not in caller.scopes:
        raise Forbidden(
            f"this API key is good for {', '.join(caller.scopes)}, not for {action.value}",
            code="key_scope_insufficient",
            hint="use a key with that scope, or one without scopes",
        )


def check_version(record: LevelRecord, expected: int | None) -> None:
    """Raises StaleWrite unless `record` is at the version that the caller has seen (None: any will do)."""
    if expected is not None and record.version != expected:
        raise StaleWrite(
            f"{str(record.address)!r} is at version {record.version} now",
            code="version_mismatch",
            hint="read it again, then repeat the change with the new ETag",
        )


def _note_use(store: Store, record: ApiKey, now: datetime) -> None:
    if record.last_used is None or now - record.last_used >= LAST_USED_STEP:
        with suppress(StoreConflict):  # another call has just noted its use
            store.commit([Put(replace(record, last_used=now))])


def _address(store: Store, parts: Sequence[str]) -> Address:
    """The address that the parts spell, with the slug in place of each UUID."""
    slugs: list[str] = []
    for level, part in zip(HIERARCHY, parts, strict=False):
        if is_uuid(part):
            slugs.append(_slug_of(store, level, part, tuple(slugs)))
        elif is_slug(part):
            slugs.append(part)
        else:
            raise _nothing(level, part)
    return Address.of(*slugs)


def _slug_of(store: Store, level: Level, record_id: str, above: tuple[str, ...]) -> str:
    found = store.find(Index.ID, record_id[:ID_PREFIX]).items
    for record in store.get(found) if found else []:
        if isinstance(record, _TYPES[level]) and record.id == record_id and record.address.parts[:-1] == above:
            return record.address.slug
    raise _nothing(level, record_id)


def _chain_keys(address: Address) -> list[Key[Any]]:
    of_level: tuple[Callable[[Address], Key[Any]], ...] = (_workspace_key, keys.project, keys.environment, keys.service)
    return [of_level[depth](address.at(level)) for depth, level in enumerate(HIERARCHY[: len(address.parts)])]


def _workspace_key(address: Address) -> Key[Workspace]:
    return keys.workspace(address.workspace)


def _nothing(level: Level, part: str) -> NotFound:
    shown = repr(part) if is_slug(part) or is_uuid(part) else "of this name"
    return NotFound(
        f"there is no {level.value} {shown} that you can see",
        code=f"{level.value}_not_found",
        hint=f"list the {level.value}s that you can see, and check the spelling",
    )
