"""Requests to the Kubernetes API, counted in the API server's audit log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, by whoever the API server took the caller for; empty: it knew nobody by that credential."""

    id: str
    user: str
    namespace: str
    """Empty for what belongs to none, such as discovery."""
    at: float
    """When it was received, in seconds since 1970."""


def read_calls(log: Path, *, since: float) -> list[Call]:
    """All requests that were received since then: the log may have been rotated meanwhile."""
    found: list[Call] = []
    for file in sorted(log.parent.glob(f"{log.stem}*{log.suffix}")):
        if file.stat().st_mtime >= since:
            with file.open(encoding="utf-8") as lines:
                found += [call for call in parse_calls(lines) if call.at >= since]
    return found


def parse_calls(lines: Iterable[str]) -> Iterator[Call]:
    """Each line is an event; a watch is told of twice, at its start and at its end."""
    for line in lines:
        if line.endswith("\n"):  # the last one may still be being written
            yield _call(json.loads(line))


def made_by(calls: Sequence[Call], user: str, *, began: float, ended: float, namespace: str | None = None) -> int:
    """How many requests that user made in that time (to that namespace)."""
    return len(
        {
            call.id
            for call in calls
            if call.user == user and began <= call.at <= ended and (namespace is None or call.namespace == namespace)
        }
    )


def _call(event: dict[str, Any]) -> Call:
    return Call(
        id=event["auditID"],
        user=event["user"].get("username", ""),
        namespace=(event.get("objectRef") or {}).get("namespace", ""),
        at=datetime.fromisoformat(event["requestReceivedTimestamp"]).astimezone(UTC).timestamp(),
    )
