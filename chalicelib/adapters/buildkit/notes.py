"""What a build's Job carries in its annotations: one call writes it, and a later one, in another process, reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PREFIX = "ancla.dev/"
REPOSITORY = f"{_PREFIX}repository"
PROCESSES = f"{_PREFIX}processes"
REFUSED = f"{_PREFIX}build-refused"
CANCELLED = f"{_PREFIX}build-cancelled"
LOST_AT = f"{_PREFIX}build-lost-at"
LOG_BASE = f"{_PREFIX}build-log-base"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a build was not begun at all."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    repository: str = ""
    processes: Mapping[str, str] = field(default_factory=dict)
    refused: Refused | None = None
    cancelled: bool = False
    lost_at: int | None = None
    """How long the build's log was when this start of it was given up; None: it was not."""
    log_base: int = 0
    """How long the log of earlier starts is, which this one's follows."""

    @classmethod
    def of(cls, job: Mapping[str, Any]) -> Notes:
        found: Mapping[str, str] = job["metadata"].get("annotations") or {}
        return cls(
            repository=found.get(REPOSITORY, ""),
            processes=json.loads(found.get(PROCESSES, "{}")),
            refused=Refused(**json.loads(found[REFUSED])) if REFUSED in found else None,
            cancelled=CANCELLED in found,
            lost_at=int(found[LOST_AT]) if LOST_AT in found else None,
            log_base=int(found.get(LOG_BASE, "0")),
        )

    def written(self) -> dict[str, str]:
        """The annotations that a new Job begins with."""
        first = {REPOSITORY: self.repository, PROCESSES: json.dumps(dict(self.processes)), LOG_BASE: str(self.log_base)}
        if self.refused is None:
            return first
        said = {"code": self.refused.code, "message": self.refused.message, "hint": self.refused.hint}
        return first | {REFUSED: json.dumps(said)}
