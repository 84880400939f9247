"""One bench for builders of both kinds: it makes jobs that they can build, and looks behind them."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from chalicelib.adapters.embedded.build_folder import BuildFolder
from chalicelib.adapters.embedded.builder import EmbeddedBuilder
from chalicelib.domain.hierarchy import Source
from chalicelib.ports.builder import Builder, BuildJob, BuildStatus
from tests.contracts.builds import job_for, refused
from tests.contracts.real_builder import RealYard
from tests.contracts.repositories import Repository, server_that_hangs


class Bench:
    """`job` makes one that builds well unless it is told otherwise."""

    def __init__(self, sides: Sides, repository: Repository) -> None:
        self._sides = sides
        self._repository = repository
        self.builder = sides.builder()
        self.another = sides.builder
        self.works = sides.works
        self.lose = sides.lose
        self.starts = sides.starts

    def job(
        self,
        files: Mapping[str, str],
        *,
        id: str = "",
        procfile: str = "",
        dockerfile: str = "Dockerfile",
        command: str = "CMD python3 server.py",
        strategy: str = "dockerfile",
        commit: str = "",
    ) -> BuildJob:
        """The repository gets these files, and a Dockerfile that ends with `command`."""
        text = f"FROM {self._sides.base}\nWORKDIR /app\nCOPY . .\n{command}\n"
        made = self._repository.commit({"Dockerfile": text, "server.py": "print()\n", **files})
        chosen = id or str(uuid.uuid4())
        source = self._sides.source(self._repository)
        return job_for(source, commit or made, id=chosen, procfile=procfile, dockerfile=dockerfile, strategy=strategy)

    @contextmanager
    def endless(self) -> Iterator[BuildJob]:
        """A job whose build goes on until it is ended."""
        job = self.job({}, command="RUN echo begun && sleep 600\nCMD x")
        with self._sides.endless(job) as changed:
            yield changed

    def refused(self, job: BuildJob) -> BuildStatus:
        return refused(self.builder, job)


class Sides(Protocol):
    base: str

    def builder(self) -> Builder: ...

    def source(self, repository: Repository) -> Source: ...

    def endless(self, job: BuildJob) -> AbstractContextManager[BuildJob]: ...

    def works(self, build_id: str) -> bool:
        """Whether anything of the build runs."""

    def lose(self, build_id: str) -> None:
        """What runs of the build is gone, without a result."""

    def starts(self, build_id: str) -> int:
        """How often something was started for it."""


class EmbeddedSides:
    base = "python:3.12"

    def __init__(self, home: Path) -> None:
        self._home = home

    def builder(self) -> EmbeddedBuilder:
        return EmbeddedBuilder(self._home, local_repositories=True)

    def source(self, repository: Repository) -> Source:
        return repository.source

    @contextmanager
    def endless(self, job: BuildJob) -> Iterator[BuildJob]:
        with server_that_hangs() as location:
            yield replace(job, source=Source(location=location))

    def works(self, build_id: str) -> bool:
        return BuildFolder.of(self._home, build_id).worker() is not None

    def lose(self, build_id: str) -> None:
        wait_for(lambda: bool(BuildFolder.of(self._home, build_id).worker()))
        os.killpg(BuildFolder.of(self._home, build_id).worker() or 0, signal.SIGKILL)

    def starts(self, build_id: str) -> int:
        return BuildFolder.of(self._home, build_id).log_from(0).count(b"Cloning ")


class BuildKitSides:
    def __init__(self, yard: RealYard) -> None:
        self._yard = yard
        self.base = yard.base

    def builder(self) -> Builder:
        return self._yard.builder()

    def source(self, repository: Repository) -> Source:
        return self._yard.source(repository)

    @contextmanager
    def endless(self, job: BuildJob) -> Iterator[BuildJob]:
        yield job
        self._yard.builder().cancel(job.id)

    def works(self, build_id: str) -> bool:
        return any(pod["status"].get("phase") in {"Pending", "Running"} for pod in self._yard.pods(build_id))

    def lose(self, build_id: str) -> None:
        self._yard.lose(build_id)

    def starts(self, build_id: str) -> int:
        return len(self._yard.pods(build_id))


def worker_of(home: Path, build_id: str) -> int:
    """The process id of the build's worker, once it runs."""
    wait_for(lambda: bool(BuildFolder.of(home, build_id).worker()))
    return BuildFolder.of(home, build_id).worker() or 0


def wait_for(holds: Callable[[], bool], *, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"it did not come to pass within {seconds:.0f} s"
        time.sleep(0.02)
