"""A build: image v1, v2, … of one service."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.keep import Keep


class BuildState(StrEnum):
    PENDING = "pending"
    BUILDING = "building"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """A newer request took over before this one had an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A built image: where it lies and what it runs. `digest` is `sha256:<64 hex>`."""

    repository: str
    digest: str
    processes: Mapping[str, str] = field(default_factory=dict)
    """Command by process type; the `release` one included. An empty command means the image's own."""

    @property
    def reference(self) -> str:
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    service_id: str
    number: int
    id: str
    state: BuildState = BuildState.PENDING
    strategy: str = "dockerfile"
    ref: str = ""
    commit: str = ""
    commit_message: str = ""
    dockerfile: str = ""
    """Name of the document with the Dockerfile that was used; empty when there was none."""
    procfile: str = ""
    """Name of the document with the Procfile that was used; empty when there was none."""
    image: Image | None = None
    reused: int = 0
    """The number of the earlier build whose image this one took over instead of building again; 0 for a build of its own."""
    keep: Keep = Keep.LIVE
    """Whether its image can still be deployed."""
    error_code: str = ""
    error_detail: str = ""
    hint: str = ""
    created: datetime
    updated: datetime
    version: int = 0

    @property
    def log(self) -> str:
        """The name of its log in the logs port."""
        return build_log(self.service_id, self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownImage:
    """The image that a fingerprint (`fingerprint()`) was built to: what makes a second build of it needless."""

    service_id: str
    fingerprint: str
    build: int
    image: Image
    version: int = 0


def build_log(service_id: str, number: int) -> str:
    return f"services/{service_id}/builds/{number}/log"


def fingerprint(*, commit: str, dockerfile: str, procfile: str, strategy: str, arguments: Mapping[str, str]) -> str:
    """The same for two builds that would make the same image. `arguments` holds plain values, and versions for secret ones."""
    content = [commit, dockerfile, procfile, strategy, sorted(arguments.items())]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
