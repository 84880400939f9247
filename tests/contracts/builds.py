"""Build jobs for the contract suites, and their end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from chalicelib.adapters.embedded.registry import EmbeddedRegistry
from chalicelib.domain.hierarchy import Source
from chalicelib.domain.secrets import Secret
from chalicelib.ports.builder import Builder, BuildJob, BuildStatus, JobState
from tests.contracts.repositories import Repository

PROCFILE = "release: python migrate.py\nweb: python server.py\n"
REPOSITORY = "acme/shop/production/api/5f0c"
BUILD = "6a3e5f1c-0000-4000-8000-000000000001"
PATIENCE = 150.0
"""Seconds for a build, on a machine that has other things to do."""
PLANTED = "planted-secret-value"


def job_for(
    location: Repository | Source | str,
    commit: str,
    *,
    id: str = BUILD,
    procfile: str = "",
    dockerfile: str = "",
    strategy: str = "dockerfile",
    arguments: Mapping[str, str] | None = None,
) -> BuildJob:
    return BuildJob(
        id=id,
        service_id="5f0c",
        number=3,
        source=location.source
        if isinstance(location, Repository)
        else Source(location=location)
        if isinstance(location, str)
        else location,
        commit=commit,
        repository=REPOSITORY,
        cache=f"acme/{id}",
        strategy=strategy,
        procfile=procfile,
        dockerfile=dockerfile,
        arguments=arguments or {},
        secrets={"NPM_TOKEN": Secret(PLANTED)},
    )


def watched(builder: Builder, build_id: str = BUILD, *, log: bytes = b"") -> BuildStatus:
    """The status when the build has ended, with its whole log, of which `log` was seen before."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        status = builder.watch(build_id, log_offset=len(log), seconds=1)
        log += status.log
        if status.state is not JobState.RUNNING:
            return BuildStatus(state=status.state, log=log, image=status.image, code=status.code, message=status.message, hint=status.hint)
    raise AssertionError(f"the build did not end: {log!r}")


def watched_until(builder: Builder, build_id: str, words: bytes) -> bytes:
    """The log, once it has these words."""
    log, end = b"", time.monotonic() + 60
    while words not in log:
        assert time.monotonic() < end, f"the log never said {words!r}: {log!r}"
        log += builder.watch(build_id, log_offset=len(log), seconds=1).log
    return log


def built(builder: Builder, job: BuildJob) -> BuildStatus:
    builder.start(job)
    return watched(builder, job.id)


def refused(builder: Builder, job: BuildJob) -> BuildStatus:
    status = built(builder, job)
    assert status.state is JobState.FAILED
    assert status.message and status.hint and status.image is None
    assert status.message.encode() in status.log
    return status


def says(log: bytes, words: str) -> bool:
    """Whether a step printed it: what stands behind `RUN` is the step itself."""
    return any(words in line and "RUN" not in line for line in log.decode().splitlines())


def make_tree(folder: Path, content: str = "print('hello')\n") -> Path:
    """A folder as a build leaves it, with all kinds of files."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "bin").mkdir(parents=True)
    (folder / "server.py").write_text(content)
    (folder / "bin/start").write_text("#!/bin/sh\n")
    (folder / "bin/start").chmod(0o755)
    (folder / "current").symlink_to("server.py")
    return folder


def tree_of(home: Path, status: BuildStatus) -> Path:
    assert status.image is not None
    registry = EmbeddedRegistry(home)
    grant = registry.grant_pull("5f0c", REPOSITORY, now=datetime.now(UTC))
    return registry.open_image(status.image.repository, status.image.digest, grant.password)
