"""What every builder promises of the life of a build; here the embedded one, on real repositories and with real workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.build_folder import BuildFolder
from chalicelib.adapters.embedded.builder import EmbeddedBuilder
from chalicelib.domain.errors import Unavailable
from chalicelib.ports.builder import BuildStatus, JobState
from tests.contracts.builds import BUILD, PLANTED, PROCFILE, built, job_for, watched
from tests.contracts.repositories import Repository, no_server, server_that_hangs


def test_starting_twice_is_starting_once(builder: EmbeddedBuilder, home: Path, repository: Repository) -> None:
    job = job_for(repository, repository.commit({"Procfile": PROCFILE}), procfile="Procfile")
    builder.start(job)
    builder.start(job)
    first = watched(builder)
    wait_for(lambda: BuildFolder.of(home, BUILD).worker() is None)
    builder.start(job)
    assert BuildFolder.of(home, BUILD).worker() is None
    assert watched(builder) == first


def test_another_builder_of_the_same_home_sees_the_build(builder: EmbeddedBuilder, home: Path, repository: Repository) -> None:
    builder.start(job_for(repository, repository.commit({"Procfile": PROCFILE}), procfile="Procfile"))
    assert watched(EmbeddedBuilder(home, local_repositories=True)).state is JobState.SUCCEEDED


def test_a_build_that_never_was_is_lost_and_cannot_be_cancelled(builder: EmbeddedBuilder) -> None:
    builder.cancel(BUILD)
    assert builder.watch(BUILD, log_offset=0, seconds=5) == BuildStatus(state=JobState.LOST)


def test_a_killed_worker_is_lost_and_its_build_can_start_again(builder: EmbeddedBuilder, home: Path, repository: Repository) -> None:
    with server_that_hangs() as location:
        builder.start(job_for(location, "0" * 40, procfile="Procfile"))
        os.killpg(worker_of(home), signal.SIGKILL)
        lost = watched(builder)
    assert lost.state is JobState.LOST
    job = job_for(repository, repository.commit({"Procfile": PROCFILE}), procfile="Procfile")
    assert built(builder, job).state is JobState.SUCCEEDED
    assert builder.watch(BUILD, log_offset=len(lost.log), seconds=0).log.startswith(b"Cloning ")


def test_a_cancelled_build_ends_for_real(builder: EmbeddedBuilder, home: Path) -> None:
    with server_that_hangs() as location:
        builder.start(job_for(location, "0" * 40, procfile="Procfile"))
        worker = worker_of(home)
        wait_for(lambda: bool(children_of(worker)))
        children = children_of(worker)
        builder.cancel(BUILD)
    assert BuildFolder.of(home, BUILD).worker() is None
    assert not [child for child in children if Path(f"/proc/{child}/exe").exists()]
    status = watched(builder)
    assert (status.state, status.code) == (JobState.FAILED, "build_cancelled")
    builder.start(job_for(location, "0" * 40))
    assert watched(builder).code == "build_cancelled"
    assert not list((home / "images/staging").iterdir())


def test_cancelling_what_has_ended_changes_nothing(builder: EmbeddedBuilder, repository: Repository) -> None:
    status = built(builder, job_for(repository, repository.commit({"Procfile": PROCFILE}), procfile="Procfile"))
    builder.cancel(BUILD)
    assert watched(builder) == status


def test_watching_ends_in_time(builder: EmbeddedBuilder, home: Path) -> None:
    with server_that_hangs() as location:
        builder.start(job_for(location, "0" * 40))
        worker_of(home)
        wait_for(lambda: bool(BuildFolder.of(home, BUILD).log_from(0)))
        written = len(BuildFolder.of(home, BUILD).log_from(0))
        began = time.monotonic()
        assert builder.watch(BUILD, log_offset=written, seconds=0.1) == BuildStatus(state=JobState.RUNNING)
        assert 0.09 < time.monotonic() - began < 1
        builder.cancel(BUILD)


def test_a_server_that_is_down_is_told_once_and_then_the_build_can_start_again(builder: EmbeddedBuilder) -> None:
    with no_server() as location:
        builder.start(job_for(location, "0" * 40))
        with pytest.raises(Unavailable) as caught:
            watched(builder)
    assert caught.value.code == "source_unavailable"
    assert watched(builder).state is JobState.LOST


def test_no_secret_is_written_anywhere(builder: EmbeddedBuilder, home: Path, repository: Repository) -> None:
    built(builder, job_for(repository, repository.commit({"Procfile": PROCFILE}), procfile="Procfile"))
    assert not [path for path in home.rglob("*") if path.is_file() and PLANTED.encode() in path.read_bytes()]


def worker_of(home: Path) -> int:
    """The process id of the build's worker, once it runs."""
    wait_for(lambda: bool(BuildFolder.of(home, BUILD).worker()))
    return BuildFolder.of(home, BUILD).worker() or 0


def children_of(process_id: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]


def wait_for(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, "it did not come to pass within 5 s"
        time.sleep(0.01)
