"""What is built a second time, on the engines that run: quickly, and from nobody else's cache."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.manifests.buildkit import cache_repository
from chalicelib.ports.builder import BuildJob, BuildStatus, JobState
from tests.contracts.builds import built, says
from tests.contracts.real_builder import RealYard, real_yard, steps_job
from tests.contracts.repositories import Repository


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[RealYard]:
    with real_yard(tmp_path) as found:
        yield found


def build(yard: RealYard, repository: Repository, *steps: str, cache: str, arguments: Mapping[str, str] | None = None) -> BuildStatus:
    return built(yard.builder(), steps_job(yard, repository, *steps, cache=cache, arguments=arguments or {}))


def test_two_builds_of_one_commit_have_two_digests_and_the_second_is_cached(yard: RealYard, repository: Repository) -> None:
    mark = str(uuid.uuid4())
    first = steps_job(yard, repository, f"RUN echo {mark}")
    one, two = (built(yard.builder(), each) for each in (first, replace(first, id=str(uuid.uuid4()))))
    assert one.image is not None and two.image is not None
    assert one.image.digest != two.image.digest
    assert [says(each.log, mark) for each in (one, two)] == [True, False]
    assert b"importing cache manifest" in two.log


def test_caches_of_two_projects_lie_apart(yard: RealYard, repository: Repository) -> None:
    steps = ["RUN --mount=type=cache,target=/kept cat /kept/mark 2>/dev/null; echo here > /kept/mark; true"]
    first = build(yard, repository, f"ENV A={uuid.uuid4()}", *steps, cache=f"acme/{uuid.uuid4()}")
    own = f"acme/{uuid.uuid4()}"
    build(yard, repository, f"ENV A={uuid.uuid4()}", *steps, cache=own)
    same = build(yard, repository, f"ENV A={uuid.uuid4()}", *steps, cache=own)
    other = build(
        yard,
        repository,
        f"ENV A={uuid.uuid4()}",
        *steps,
        cache=f"acme/{uuid.uuid4()}",
        arguments={"BUILDKIT_CACHE_MOUNT_NS": cache_repository(own).removeprefix("cache/")},
    )
    seen = [b" here\n" in status.log for status in (first, same, other)]
    assert seen == [False, True, False]
    assert cache_repository("a/b") != cache_repository("a/c")


def timed_build(yard: RealYard, job: BuildJob) -> float:
    """Seconds."""
    began = time.monotonic()
    assert built(yard.builder(), job).state is JobState.SUCCEEDED
    return time.monotonic() - began


def host_name(yard: RealYard, job: BuildJob) -> str:
    (args,) = (one["args"] for one in yard.job(job.id)["spec"]["template"]["spec"]["initContainers"] if one["name"] == "build")
    return next(str(word).removeprefix("--opt=hostname=") for word in args if word.startswith("--opt=hostname="))


def test_a_change_of_the_source_alone_takes_a_quarter_of_the_first_build_at_most(yard: RealYard, repository: Repository) -> None:
    steps = ["COPY requirements.txt .", "RUN sleep 20 && wc -l requirements.txt", "COPY . ."]
    cache, files = f"acme/{uuid.uuid4()}", {"requirements.txt": f"{uuid.uuid4()}\n"}
    first, second = (
        timed_build(yard, steps_job(yard, repository, *steps, files={**files, "server.py": source}, cache=cache))
        for source in ("print(1)\n", "print(2)\n")
    )
    assert second <= first / 4


def test_what_one_project_built_is_not_taken_for_another(yard: RealYard, repository: Repository) -> None:
    """A step that reads a secret is the same step with another secret, or without one: for BuildKit itself, not across projects."""
    step = f"RUN --mount=type=secret,id=NPM_TOKEN echo {uuid.uuid4()}; cat /run/secrets/NPM_TOKEN > /got || echo nothing"
    own, others, third = (f"acme/{uuid.uuid4()}" for _ in range(3))
    first = steps_job(yard, repository, step, cache=own)
    built(yard.builder(), first)
    pretended = {"BUILDKIT_SANDBOX_HOSTNAME": host_name(yard, first)}
    again, guessed, pretending = (
        built(yard.builder(), replace(first, id=str(uuid.uuid4()), secrets=secrets, cache=cache, arguments=arguments))
        for secrets, cache, arguments in ((first.secrets, own, {}), ({}, others, {}), ({}, third, pretended))
    )
    assert [says(one.log, "nothing") for one in (again, guessed, pretending)] == [False, True, True]
