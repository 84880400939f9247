"""A builder in memory, whose builds take virtual time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.domain.builds import Image
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.procfile import parse_procfile
from chalicelib.domain.secrets import Secret
from chalicelib.ports.builder import BuildJob, BuildStatus, JobState
from chalicelib.ports.clock import Clock
from tests.memory.registry import MemoryRegistry
from tests.memory.source import MemorySource


@dataclass
class MemoryBuilder:
    """Builds that take `duration` of virtual time. A Procfile whose commit is in `broken` fails."""

    clock: Clock
    source: MemorySource
    registry: MemoryRegistry
    duration: timedelta = timedelta(seconds=2)
    wait: Callable[[float], None] = lambda seconds: None
    """Lets virtual time go by while somebody watches."""
    chatter: int = 0
    """So many bytes more are in each log."""
    broken: set[str] = field(default_factory=set)
    away_until: datetime | None = None
    """Until then no build gets anywhere, since what they stand on is away; each of them is told so once, and is lost."""
    jobs: dict[str, tuple[BuildJob, datetime]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)

    def start(self, job: BuildJob) -> None:
        self.jobs.setdefault(job.id, (job, self.clock.now()))

    def lose(self, build_id: str) -> None:
        """The worker of a build dies without a result."""
        self.jobs.pop(build_id, None)

    def watch(self, build_id: str, *, log_offset: int, seconds: float) -> BuildStatus:
        if build_id not in self.jobs:
            return BuildStatus(state=JobState.LOST)
        if self.away_until is not None and self.clock.now() < self.away_until:
            self.lose(build_id)
            raise Unavailable("the registry does not answer", code="registry_unavailable")
        job, began = self.jobs[build_id]
        log = (f"building {job.commit}\n".encode() + b"." * self.chatter)[log_offset:]
        if build_id in self.cancelled:  # also while it was waited for
            return BuildStatus(state=JobState.FAILED, log=log, code="build_cancelled", message="cancelled")
        if self.clock.now() < began + self.duration and seconds > 0:
            self.wait(min(seconds, 1.0))
        if build_id not in self.cancelled and self.clock.now() < began + self.duration:
            return BuildStatus(state=JobState.RUNNING, log=log)
        if job.commit in self.broken:
            return BuildStatus(state=JobState.FAILED, log=log, code="build_failed", message="RUN ended with exit code 1", hint="mend it")
        digest = "sha256:" + hashlib.sha256(job.commit.encode()).hexdigest()
        self.registry.put(job.repository, digest, job.number)
        processes = parse_procfile(self.source.files[job.commit][job.procfile])
        return BuildStatus(state=JobState.SUCCEEDED, log=log, image=Image(repository=job.repository, digest=digest, processes=processes))

    def cancel(self, build_id: str) -> None:
        job, began = self.jobs.get(build_id, (None, self.clock.now()))
        if job is not None:
            self.jobs[build_id] = (replace(job, secrets={}), began)
            if self.clock.now() < began + self.duration:
                self.cancelled.add(build_id)

    def secrets_of(self, build_id: str) -> Mapping[str, Secret]:
        """What it holds of the secrets that the build was given."""
        return self.jobs[build_id][0].secrets if build_id in self.jobs else {}
