"""Changing a record of the hierarchy: read, checked, written together with its audit entry, and read again where somebody was first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from chalicelib.domain.addresses import check_name
from chalicelib.domain.audit import audited
from chalicelib.domain.hierarchy import Environment, Project, Service, Workspace
from chalicelib.pipeline.attempts import repeated
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Put
from chalicelib.usecases.access import Actor, check_version

R = TypeVar("R", Workspace, Project, Environment, Service)


def renamed(ports: Ports, actor: Actor, name: str, read: Callable[[], R], expected: int | None) -> R:
    """The record that `read` gives with a new name, written; its slug stays."""
    check_name(name)

    def attempt() -> R:
        record = read()
        check_version(record, expected)
        return written(ports, actor, replace(record, name=name), "rename", name=name)

    return repeated(attempt)


def written(ports: Ports, actor: Actor, changed: R, action: str, *, alongside: Sequence[Change] = (), **detail: str) -> R:
    """Commits a record that was there before, its audit entry and what goes `alongside`; returns the record as it is stored now."""
    now = ports.clock.now()
    moved, entry = audited(replace(changed, updated=now), subject=changed.id, at=now, by=actor.username, action=action, **detail)
    ports.store.commit([Put(moved), Put(entry), *alongside])
    return replace(moved, version=moved.version + 1)
