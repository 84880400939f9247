"""Builds that something happens to, on the engines that run: engines that are away or die, steps without an end, logs without one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.adapters.buildkit.logs import CUT
from chalicelib.domain.errors import Unavailable
from chalicelib.ports.builder import JobState
from tests.contracts.builder_bench import wait_for
from tests.contracts.builds import built, refused, says, watched, watched_until
from tests.contracts.real_builder import RealYard, real_yard, steps_job
from tests.contracts.repositories import Repository


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[RealYard]:
    with real_yard(tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    ("address", "image", "code"), [("tcp://10.96.0.12:1", "", "buildkit_unavailable"), ("", "localhost/nothing:1", "build_pod_stuck")]
)
def test_an_engine_that_is_away_is_told_once_and_then_the_build_is_lost(
    yard: RealYard, repository: Repository, address: str, image: str, code: str
) -> None:
    made = steps_job(yard, repository)
    broken = yard.builder(yard=replace(yard.yard, address=address or yard.yard.address, image=image or yard.yard.image), patience=3)
    broken.start(made)
    with pytest.raises(Unavailable) as caught:
        watched(broken, made.id)
    assert caught.value.code == code and caught.value.hint
    assert watched(broken, made.id).state is JobState.LOST
    assert built(yard.builder(), made).state is JobState.SUCCEEDED


def test_a_build_that_takes_too_long_is_ended(yard: RealYard, repository: Repository) -> None:
    status = built(yard.builder(yard=replace(yard.yard, deadline=5)), steps_job(yard, repository, "RUN sleep 600"))
    assert (status.state, status.code) == (JobState.FAILED, "build_timeout")
    assert b"RUN sleep 600" in status.log and status.log.endswith(f"hint: {status.hint}\n".encode())


def test_a_start_that_died_halfway_is_gone_on_with(yard: RealYard, repository: Repository) -> None:
    made = steps_job(yard, repository)
    builder = yard.builder()
    builder._jobs.create(made.id, builder._planned(made, 0))
    assert builder.watch(made.id, log_offset=0, seconds=1).state is JobState.LOST
    assert built(builder, made).state is JobState.SUCCEEDED


def test_a_buildkit_that_dies_loses_its_builds_and_the_next_start_brings_the_cache_back(yard: RealYard, repository: Repository) -> None:
    mark = str(uuid.uuid4())
    cached = steps_job(yard, repository, f"RUN echo {mark}", cache=f"acme/{uuid.uuid4()}")
    builder = yard.builder()
    assert built(builder, cached).state is JobState.SUCCEEDED
    made = steps_job(yard, repository, "RUN echo be''gun && sleep 600", cache=cached.cache)
    builder.start(made)
    log = watched_until(builder, made.id, b"begun")
    try:
        yard.kill_buildkit()
        lost = watched(builder, made.id, log=log)
        builder.start(replace(cached, id=made.id))
        again = watched(builder, made.id, log=lost.log)
    finally:
        wait_for(yard.buildkit_is_ready, seconds=60)
    assert lost.state is JobState.LOST
    assert lost.log.endswith(b"lost: BuildKit went away in the middle of the build\n")
    assert again.state is JobState.SUCCEEDED
    assert not says(again.log, mark)


SPEAKS = "RUN python3 -c \"for n in range(3000): print('line', n, 'x' * 40)\"; exit 7"


def test_of_a_log_that_is_too_long_beginning_and_end_are_kept_and_the_failure_is_found(yard: RealYard, repository: Repository) -> None:
    made = steps_job(yard, repository, SPEAKS)
    builder = yard.builder(max_log=20_000)
    status = refused(builder, made)
    begin, cut, rest = status.log.partition(CUT)
    assert cut and 19_000 < len(begin) <= 20_000 and begin.endswith(b"\n")
    assert b" line 10 x" in begin and b" line 2999 x" in rest and b" line 1000 x" not in status.log
    assert status.message.startswith("Dockerfile line 2: RUN python3") and status.message.endswith("ended with exit code 7")
    assert watched(builder, made.id).log == status.log


def test_a_log_of_usual_length_is_whole(yard: RealYard, repository: Repository) -> None:
    status = refused(yard.builder(), steps_job(yard, repository, SPEAKS))
    assert [number for number in range(3000) if b" line %d x" % number not in status.log] == []
