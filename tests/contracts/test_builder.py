"""What every builder promises of the life of a build, on real repositories: embedded workers, and BuildKit where the engines run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.ports.builder import BuildStatus, JobState
from tests.contracts.builder_bench import Bench, BuildKitSides, EmbeddedSides, wait_for
from tests.contracts.builds import PROCFILE, built, watched
from tests.contracts.real_builder import real_yard
from tests.contracts.repositories import Repository


@pytest.fixture(params=["embedded", "buildkit"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, home: Path, repository: Repository) -> Iterator[Bench]:
    """BuildKit is left out where no engines run."""
    if request.param == "embedded":
        yield Bench(EmbeddedSides(home), repository)
    else:
        with real_yard(tmp_path) as yard:
            yield Bench(BuildKitSides(yard), repository)


def test_starting_twice_is_starting_once(bench: Bench) -> None:
    job = bench.job({"Procfile": PROCFILE}, procfile="Procfile")
    bench.builder.start(job)
    bench.builder.start(job)
    first = watched(bench.builder, job.id)
    assert first.state is JobState.SUCCEEDED
    bench.builder.start(job)
    assert watched(bench.builder, job.id) == first
    assert bench.starts(job.id) == 1


def test_another_builder_of_the_same_place_sees_the_build(bench: Bench) -> None:
    job = bench.job({"Procfile": PROCFILE}, procfile="Procfile")
    bench.builder.start(job)
    assert watched(bench.another(), job.id).state is JobState.SUCCEEDED


def test_a_build_that_never_was_is_lost_and_cannot_be_cancelled(bench: Bench) -> None:
    job = bench.job({"Procfile": PROCFILE}, procfile="Procfile")
    bench.builder.cancel(job.id)
    assert bench.builder.watch(job.id, log_offset=0, seconds=5) == BuildStatus(state=JobState.LOST)


def test_a_lost_worker_is_told_and_its_build_can_start_again(bench: Bench) -> None:
    with bench.endless() as job:
        bench.builder.start(job)
        wait_for(lambda: bench.works(job.id))
        log = bench.builder.watch(job.id, log_offset=0, seconds=20).log
        bench.lose(job.id)
        lost = watched(bench.builder, job.id, log=log)
    assert lost.state is JobState.LOST
    assert bench.builder.watch(job.id, log_offset=len(lost.log), seconds=1) == BuildStatus(state=JobState.LOST)
    again = bench.job({"Procfile": PROCFILE}, procfile="Procfile", id=job.id)
    bench.builder.start(again)
    status = watched(bench.builder, job.id, log=lost.log)
    assert status.state is JobState.SUCCEEDED
    assert again.commit[:12].encode() in status.log.removeprefix(lost.log)


def test_a_cancelled_build_ends_for_real_and_does_not_start_again(bench: Bench) -> None:
    with bench.endless() as job:
        bench.builder.start(job)
        wait_for(lambda: bench.works(job.id))
        bench.builder.cancel(job.id)
        status = watched(bench.builder, job.id)
        wait_for(lambda: not bench.works(job.id))
        bench.builder.cancel(job.id)
        bench.builder.start(job)
        assert watched(bench.builder, job.id).code == "build_cancelled"
        assert not bench.works(job.id)
    assert (status.state, status.code) == (JobState.FAILED, "build_cancelled")
    assert status.message and status.hint


def test_cancelling_what_has_ended_changes_nothing_but_what_is_shown_of_its_log(bench: Bench) -> None:
    job = bench.job({"Procfile": PROCFILE}, procfile="Procfile")
    status = built(bench.builder, job)
    wait_for(lambda: not bench.works(job.id))
    bench.builder.cancel(job.id)
    assert replace(watched(bench.builder, job.id), log=status.log) == status


def test_watching_ends_in_time(bench: Bench) -> None:
    with bench.endless() as job:
        bench.builder.start(job)
        wait_for(lambda: bench.works(job.id))
        log = b""
        while more := bench.builder.watch(job.id, log_offset=len(log), seconds=3).log:
            log += more
        began = time.monotonic()
        assert bench.builder.watch(job.id, log_offset=len(log), seconds=0.5) == BuildStatus(state=JobState.RUNNING)
        assert 0.45 < time.monotonic() - began < 1.5
        bench.builder.cancel(job.id)


def test_the_log_comes_in_pieces_that_make_one_whole(bench: Bench) -> None:
    job = bench.job({"Procfile": PROCFILE}, procfile="Procfile")
    whole = built(bench.builder, job).log
    assert whole
    for offset in (0, 1, len(whole) // 2, len(whole), len(whole) + 5):
        assert bench.builder.watch(job.id, log_offset=offset, seconds=0).log == whole[offset:]


def test_the_procfile_says_what_runs(bench: Bench) -> None:
    status = built(bench.builder, bench.job({"Procfile": PROCFILE}, procfile="Procfile"))
    assert status.image is not None
    assert list(status.image.processes.items()) == [("release", "python migrate.py"), ("web", "python server.py")]
    assert status.image.digest.startswith("sha256:")
    assert b"  web: python server.py\n" in status.log and status.image.digest.encode() in status.log


def test_without_a_procfile_the_dockerfiles_command_runs(bench: Bench) -> None:
    status = built(bench.builder, bench.job({}, command='CMD ["python3", "server.py"]'))
    assert status.image is not None
    assert status.image.processes == {"web": '["python3", "server.py"]'}


def test_without_anything_to_run_nothing_is_built(bench: Bench) -> None:
    assert bench.refused(bench.job({}, command="")).code == "nothing_to_run"


def test_a_bad_line_of_the_procfile_is_named(bench: Bench) -> None:
    status = bench.refused(bench.job({"Procfile": "web: x\nthis is wrong\n"}, procfile="Procfile"))
    assert (status.code, "line 2" in status.message) == ("procfile_invalid", True)


@pytest.mark.parametrize("missing", ["procfile", "dockerfile"])
def test_a_file_that_the_job_names_and_the_tree_lacks_is_named(bench: Bench, missing: str) -> None:
    job = bench.job({"Procfile": PROCFILE}, **{"procfile": "Procfile", missing: "elsewhere/File"})
    status = bench.refused(job)
    assert (status.code, "elsewhere/File" in status.message) == (f"{missing}_missing", True)


def test_a_strategy_that_nobody_knows_is_refused(bench: Bench) -> None:
    assert bench.refused(bench.job({"Procfile": PROCFILE}, procfile="Procfile", strategy="buildpack")).code == "strategy_unsupported"


def test_a_commit_that_is_not_there_is_named(bench: Bench) -> None:
    assert bench.refused(bench.job({"Procfile": PROCFILE}, procfile="Procfile", commit="0" * 40)).code == "ref_not_found"
