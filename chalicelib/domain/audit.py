"""The audit trail: who did what to which record. Append-only; each entry names the hash of the one before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, TypeVar


class Audited(Protocol):
    """A record with a trail: it carries the trail's length and head, so the next entry needs no other item."""

    @property
    def audit_number(self) -> int: ...
    @property
    def audit_head(self) -> str: ...


A = TypeVar("A", bound=Audited)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    subject: str
    """The id of the record that the trail is about."""
    number: int
    at: datetime
    by: str
    action: str
    detail: Mapping[str, str] = field(default_factory=dict)
    """Never a value of a variable."""
    before: str = ""
    """The hash of the entry before; empty for the first."""
    hash: str = ""
    version: int = 0


def audited(record: A, *, subject: str, at: datetime, by: str, action: str, **detail: str) -> tuple[A, AuditEntry]:
    """`record` with its trail moved on by one, and the entry: both belong into one commit."""
    entry = AuditEntry(
        subject=subject, number=record.audit_number + 1, at=at, by=by, action=action, detail=detail, before=record.audit_head
    )
    entry = replace(entry, hash=entry_hash(entry))
    moved = replace(record, audit_number=entry.number, audit_head=entry.hash)  # type: ignore[type-var]
    return moved, entry


def entry_hash(entry: AuditEntry) -> str:
    content = [
        entry.subject,
        entry.number,
        entry.at.isoformat(),
        entry.by,
        entry.action,
        sorted(entry.detail.items()),
        entry.before,
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def first_break(entries: list[AuditEntry]) -> int:
    """The number of the first entry (in order from 1) that was changed or has a gap before it; 0 when the chain holds."""
    head = ""
    for expected, entry in enumerate(entries, start=1):
        if entry.number != expected or entry.before != head or entry.hash != entry_hash(entry):
            return expected
        head = entry.hash
    return 0
