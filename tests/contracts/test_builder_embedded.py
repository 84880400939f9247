"""What the embedded builder promises beside: its workers outlive it, and their folders tell all."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.build_folder import BuildFolder
from chalicelib.adapters.embedded.builder import EmbeddedBuilder
from chalicelib.domain.errors import Unavailable
from chalicelib.ports.builder import JobState
from tests.contracts.builder_bench import wait_for, worker_of
from tests.contracts.builds import BUILD, PLANTED, PROCFILE, built, job_for, watched
from tests.contracts.repositories import Repository, no_server, server_that_hangs


def test_a_build_that_has_ended_gets_no_second_worker(builder: EmbeddedBuilder, home: Path, repository: Repository) -> None:
    job = job_for(repository, repository.commit({"Procfile": PROCFILE}), procfile="Procfile")
    builder.start(job)
    builder.start(job)
    first = watched(builder)
    wait_for(lambda: BuildFolder.of(home, BUILD).worker() is None)
    builder.start(job)
    assert BuildFolder.of(home, BUILD).worker() is None
    assert watched(builder) == first


def test_a_worker_killed_with_all_it_started_is_lost(builder: EmbeddedBuilder, home: Path, repository: Repository) -> None:
    with server_that_hangs() as location:
        builder.start(job_for(location, "0" * 40, procfile="Procfile"))
        os.killpg(worker_of(home, BUILD), signal.SIGKILL)
        lost = watched(builder)
    assert lost.state is JobState.LOST
    job = job_for(repository, repository.commit({"Procfile": PROCFILE}), procfile="Procfile")
    assert built(builder, job).state is JobState.SUCCEEDED
    assert builder.watch(BUILD, log_offset=len(lost.log), seconds=0).log.startswith(b"Cloning ")


def test_a_cancelled_build_leaves_no_process_and_no_file(builder: EmbeddedBuilder, home: Path) -> None:
    with server_that_hangs() as location:
        builder.start(job_for(location, "0" * 40, procfile="Procfile"))
        worker = worker_of(home, BUILD)
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


def children_of(process_id: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]
