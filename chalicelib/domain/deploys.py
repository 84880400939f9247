"""A deploy: a numbered attempt to make one snapshot the running one; immutable but for its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.failures import Failure


class DeployState(StrEnum):
    PENDING = "pending"
    COMPLETE = "complete"
    """It became active; whether it still is says the lane."""
    FAILED = "failed"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    service_id: str
    number: int
    id: str
    run: int
    """The number of the run that made it."""
    snapshot: str
    build: int
    commit: str
    state: DeployState = DeployState.PENDING
    failure: Failure | None = None
    created: datetime
    updated: datetime
    version: int = 0

    @property
    def log(self) -> str:
        return deploy_log(self.service_id, self.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a lane has made run: a deploy, its snapshot and the counts it was rolled out with."""

    deploy: int
    deploy_id: str
    snapshot: str
    build: int
    run: int
    counts: Mapping[str, int] = field(default_factory=dict)


def deploy_log(service_id: str, run: int) -> str:
    """The name in the logs port of what a run tells its follower."""
    return f"services/{service_id}/runs/{run}/log"
