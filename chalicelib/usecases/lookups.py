"""Builds and deploys by their id, or by a unique beginning of it: the published CLI's tables show only 8 characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from chalicelib.domain.builds import Build
from chalicelib.domain.deploys import Deploy
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.keys import ID_PREFIX, Index, Key
from chalicelib.domain.runs import Run
from chalicelib.ports import Ports

T = TypeVar("T")
Found = Build | Deploy | Run | Service

_BEGINNING = re.compile(rf"[0-9a-f-]{{{ID_PREFIX},36}}")
_BATCH = 100


def find_builds(ports: Ports, text: str) -> list[Build]:
    """The builds, of whatever service, whose id is `text` or begins with it."""
    return [record for record in _find(ports, text) if isinstance(record, Build) and record.id.startswith(text.lower())]


def find_deploys(ports: Ports, text: str) -> list[Deploy | Run]:
    """The deploys whose id is `text` or begins with it; the run in place of one that has no record (yet)."""
    found: dict[str, Deploy | Run] = {}
    for record in _find(ports, text):
        if isinstance(record, Run) and record.deploy_id.startswith(text.lower()):
            found.setdefault(record.deploy_id, record)
        elif isinstance(record, Deploy) and record.id.startswith(text.lower()):
            found[record.id] = record
    return list(found.values())


def find_service(ports: Ports, service_id: str) -> Service | None:
    """The service with this id; None once it is gone."""
    return next((s for s in _find(ports, service_id) if isinstance(s, Service) and s.id == service_id), None)


def only_one(found: Sequence[T], noun: str, text: str) -> T:
    """The one thing that was found. Raises NotFound for none and Conflict for several."""
    if not found:
        raise missing(noun, text)
    if len(found) > 1:
        raise Conflict(
            f"{len(found)} {noun}s have an id that begins with {text[:36]!r}",
            code=f"{noun}_ambiguous",
            hint="give more characters of the id, or all of it",
        )
    return found[0]


def missing(noun: str, text: str) -> NotFound:
    return NotFound(
        f"there is no {noun} {text[:64]!r} that you can see",
        code=f"{noun}_not_found",
        hint=f"list the {noun}s of the service, and copy the id or the number from there",
    )


def _find(ports: Ports, text: str) -> list[Found]:
    """The records under the index of the first characters of `text`, read afresh: the index alone may be stale."""
    if not _BEGINNING.fullmatch(text.lower()):
        return []
    found: list[Key[Found]] = []
    after: str | None = None
    while True:
        page = ports.store.find(Index.ID, text.lower()[:ID_PREFIX], after=after)
        found.extend(page.items)
        if page.next is None:
            break
        after = page.next
    unique = list(dict.fromkeys(found))
    batches = [unique[start : start + _BATCH] for start in range(0, len(unique), _BATCH)]
    return [record for batch in batches for record in ports.store.get(batch) if record is not None]
