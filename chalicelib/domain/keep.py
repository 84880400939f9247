"""Whether something old can still be chosen."""

from __future__ import annotations

from enum import StrEnum


class Keep(StrEnum):
    LIVE = "live"
    EXPIRING = "expiring"
    """It is about to be removed: no run may choose it any more."""
    REMOVED = "removed"
    """The record stays as history; what it stood for is gone."""
