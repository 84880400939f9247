"""What a promotion would change: the difference between two snapshots, told without a secret's value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.addresses import Level
from chalicelib.domain.secrets import MASK
from chalicelib.domain.snapshots import FrozenVariable, Snapshot

OWN_LEVELS = frozenset({Level.ENVIRONMENT, Level.SERVICE})
"""Scopes that belong to one environment: their values may be meant for it alone."""


class ConfigFrom(StrEnum):
    """Whose variables the promoted deploy gets."""

    SOURCE = "source"
    """Those that are frozen in the source's active deploy."""
    TARGET = "target"
    """Those that reach the target service now."""


class ChangeKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference. `what` is image, commit, process, health_check_path, deployment_timeout or variable; `name` tells
    processes and variables apart."""

    what: str
    kind: ChangeKind
    name: str = ""
    before: str = ""
    after: str = ""
    secret: bool = False
    """Both values are masked: which entry it is differs, and so may its value."""
    origin: str = ""
    """The owner of the scope that the variable's new value (of a removed one: its old value) comes from."""
    level: str = ""
    from_source: bool = False
    """The new value comes from a scope of the source's environment or service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A variable that the target gets from a scope of the source's environment or service, whether or not that is a change."""

    name: str
    origin: str
    level: str
    secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """All that a promotion would do, and the hash that stands for it."""

    changes: tuple[Change, ...]
    carried: tuple[Carried, ...]
    hash: str


def preview(wanted: Snapshot, current: Snapshot | None, *, source_service_id: str, target_service_id: str, config: ConfigFrom) -> Preview:
    """What happens to a target that runs `current` (None: nothing) when it is given `wanted`."""
    from_source = config is ConfigFrom.SOURCE
    return Preview(
        changes=differences(wanted, current, from_source=from_source),
        carried=carried_along(wanted) if from_source else (),
        hash=preview_hash(wanted, current, source_service_id=source_service_id, target_service_id=target_service_id, config=config),
    )


def preview_hash(wanted: Snapshot, current: Snapshot | None, *, source_service_id: str, target_service_id: str, config: ConfigFrom) -> str:
    """Changes as soon as the promotion would do anything else than what was shown."""
    content = [source_service_id, target_service_id, wanted.hash, current.hash if current else "", config.value]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def differences(wanted: Snapshot, current: Snapshot | None, *, from_source: bool) -> tuple[Change, ...]:
    """What gets the target from `current` to `wanted`; `from_source`: whether `wanted` has the source's variables."""
    return (
        *_settings(wanted, current),
        *_processes(wanted.image.processes, current.image.processes if current else {}),
        *_variables(wanted.config, current.config if current else {}, from_source=from_source),
    )


def carried_along(wanted: Snapshot) -> tuple[Carried, ...]:
    return tuple(
        Carried(name=name, origin=entry.owner, level=entry.level.value, secret=entry.secret)
        for name, entry in sorted(wanted.config.items())
        if entry.level in OWN_LEVELS
    )


def _settings(wanted: Snapshot, current: Snapshot | None) -> Iterator[Change]:
    after = _settings_of(wanted)
    before = _settings_of(current) if current else dict.fromkeys(after, "")
    for what, value in after.items():
        if value != before[what]:
            yield Change(what=what, kind=ChangeKind.CHANGED if current else ChangeKind.ADDED, before=before[what], after=value)


def _settings_of(snapshot: Snapshot) -> dict[str, str]:
    return {
        "image": snapshot.image.reference,
        "commit": snapshot.commit,
        "health_check_path": snapshot.health_check_path,
        "deployment_timeout": str(snapshot.deployment_timeout),
    }


def _processes(wanted: Mapping[str, str], current: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted(wanted.keys() | current.keys()):
        if wanted.get(name) != current.get(name):
            kind = _kind(name in current, name in wanted)
            yield Change(what="process", kind=kind, name=name, before=current.get(name, ""), after=wanted.get(name, ""))


def _variables(wanted: Mapping[str, FrozenVariable], current: Mapping[str, FrozenVariable], *, from_source: bool) -> Iterator[Change]:
    for name in sorted(wanted.keys() | current.keys()):
        before, after = current.get(name), wanted.get(name)
        if _same(before, after):
            continue
        shown = after or before
        assert shown is not None
        yield Change(
            what="variable",
            kind=_kind(before is not None, after is not None),
            name=name,
            before=_shown(before),
            after=_shown(after),
            secret=any(entry is not None and entry.secret for entry in (before, after)),
            origin=shown.owner,
            level=shown.level.value,
            from_source=from_source and after is not None and after.level in OWN_LEVELS,
        )


def _same(before: FrozenVariable | None, after: FrozenVariable | None) -> bool:
    """Whether the container sees no difference: plain values are compared, secrets by which entry and version they are."""
    if before is None or after is None:
        return before is after
    return (before.secret, before.value, before.scope_id, before.vault_version) == (
        after.secret,
        after.value,
        after.scope_id,
        after.vault_version,
    )


def _shown(entry: FrozenVariable | None) -> str:
    if entry is None:
        return ""
    return MASK if entry.secret else entry.value


def _kind(was: bool, will_be: bool) -> ChangeKind:
    if not was:
        return ChangeKind.ADDED
    return ChangeKind.CHANGED if will_be else ChangeKind.REMOVED
