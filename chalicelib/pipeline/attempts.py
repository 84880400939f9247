"""Deciding again, when somebody else wrote first."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from chalicelib.domain.keys import Key
from chalicelib.ports.store import StoreConflict
from chalicelib.ports.vault import VaultConflict

TRIES = 8
"""Enough for as many callers as meet at one record by chance; more than that is a crowd, and is told so."""

T = TypeVar("T")


def repeated(attempt: Callable[[], T], *, theirs: Collection[Key[Any]] = ()) -> T:
    """What `attempt` returns. It reads, decides and commits; where its commit rests on what has changed since, it is made anew, but
    not where the caller's own records (`theirs`) rest on old versions."""
    for _ in range(TRIES - 1):
        try:
            return attempt()
        except StoreConflict as conflict:
            if not set(conflict.keys).isdisjoint(theirs):
                raise
        except VaultConflict:
            continue
    try:
        return attempt()
    except VaultConflict:
        raise StoreConflict from None
