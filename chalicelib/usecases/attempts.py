"""Deciding again, when somebody else wrote first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from chalicelib.ports.store import StoreConflict
from chalicelib.ports.vault import VaultConflict

TRIES = 5

T = TypeVar("T")


def repeated(attempt: Callable[[], T]) -> T:
    """What `attempt` returns. It reads, decides and commits; where its commit rests on what has changed since, it is made anew."""
    for _ in range(TRIES - 1):
        try:
            return attempt()
        except (StoreConflict, VaultConflict):
            continue
    try:
        return attempt()
    except VaultConflict:
        raise StoreConflict from None
