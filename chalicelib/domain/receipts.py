"""What was answered already: for a request that comes twice to do its work once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The answer to a request with an Idempotency-Key: its status and the ids it made, never a value."""

    user_id: str
    key: str
    request_hash: str
    status: int = 0
    """0: the request is being worked on."""
    spent: datetime | None = None
    """When its work was committed: from then on it is not done again, even if its answer is lost."""
    body: str = ""
    """The JSON answer with every value of a variable taken out."""
    expires: datetime
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A webhook delivery that was taken, and the runs it made (by service address)."""

    id: str
    event: str
    runs: Mapping[str, str] = field(default_factory=dict)
    received: datetime
    version: int = 0
