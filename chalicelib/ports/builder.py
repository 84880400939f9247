"""Builds images: BuildKit, or on one machine a frozen source tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from chalicelib.domain.builds import Image
from chalicelib.domain.hierarchy import Source
from chalicelib.domain.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildJob:
    """Everything that one build needs. `id` is the build's: starting it twice is starting it once."""

    id: str
    service_id: str
    number: int
    source: Source
    commit: str
    repository: str
    """Where the image is pushed, tagged `v{number}`."""
    cache: str
    """The cache's scope: builds of one project share it."""
    strategy: str = "dockerfile"
    dockerfile: str = ""
    """The path of the Dockerfile in the tree; empty: there is none."""
    procfile: str = ""
    """The path of the Procfile in the tree; empty: there is none."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)


class JobState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    """It was never started, or its worker is gone and left no result: starting it again is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStatus:
    state: JobState
    log: bytes = b""
    """What the log has from the offset on that was asked for."""
    image: Image | None = None
    """With SUCCEEDED."""
    code: str = ""
    """With FAILED: build_failed, dockerfile_missing, procfile_invalid, tree_unsafe, nothing_to_run, strategy_unsupported, …"""
    message: str = ""
    hint: str = ""


class Builder(Protocol):
    def start(self, job: BuildJob) -> None:
        """Starts the build, unless it runs or has ended already. Returns at once."""

    def watch(self, build_id: str, *, log_offset: int, seconds: float) -> BuildStatus:
        """Looks at the build, and returns as soon as it ended or its log grew beyond `log_offset`, at the latest after `seconds`."""

    def cancel(self, build_id: str) -> None:
        """Ends the build for real, and takes away the secrets that it was given. One that never was is no error; one that has succeeded
        keeps its image, if not its log, and one that has failed stays FAILED. A cancelled build reads as FAILED, build_cancelled."""
