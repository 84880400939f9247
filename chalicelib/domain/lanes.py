"""A lane: the order of the runs of one service. Pure rules; who loads and commits is `pipeline/lane.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.domain.deploys import Running
from chalicelib.domain.runs import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The newest automatic intent that a pinned lane keeps back."""

    number: int
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    service_id: str
    intent: int = 0
    turn: int = 0
    builds: int = 0
    deploys: int = 0
    running: int = 0
    """The number of the run that holds the lane; 0: none does."""
    waiting: Mapping[int, int] = field(default_factory=dict)
    """The number of the run that waits, by strength."""
    held: Held | None = None
    active: Running | None = None
    previous: Running | None = None
    latest: int = 0
    """The newest run that builds or deploys: what `pipeline/status` shows."""
    pinned_by: int = 0
    """The number of the rollback that pinned it; 0: not pinned."""
    closed: bool = False
    """Torn down, or about to be: nothing is accepted any more."""
    version: int = 0
    audit_number: int = 0
    audit_head: str = ""
