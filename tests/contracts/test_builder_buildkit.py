"""What BuildKit promises beside, on the engines that run: images, and failures that name their line."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.ports.builder import BuildJob, JobState
from tests.contracts.builder_bench import wait_for
from tests.contracts.builds import REPOSITORY, built, job_for, refused
from tests.contracts.real_builder import RealYard, real_yard, steps_job
from tests.contracts.repositories import Repository


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[RealYard]:
    with real_yard(tmp_path) as found:
        yield found


def test_an_image_is_in_the_registry_with_the_builds_id_and_arguments(yard: RealYard, repository: Repository) -> None:
    made = steps_job(
        yard, repository, "ARG VERSION", "ENV SAID=$VERSION", "WORKDIR /app", "COPY . .", arguments={"VERSION": "$(one) $$ two"}
    )
    status = built(yard.builder(), made)
    assert status.state is JobState.SUCCEEDED and status.image is not None
    assert status.image.repository == REPOSITORY
    assert yard.registry.registry.has(REPOSITORY, status.image.digest)
    config = yard.config(REPOSITORY, status.image.digest)
    assert config["Labels"]["ancla.dev/build-id"] == made.id
    assert "SAID=$(one) $$ two" in config["Env"]
    assert config["WorkingDir"] == "/app"


def test_a_cancelled_step_stops_within_seconds(yard: RealYard, repository: Repository) -> None:
    host, port = yard.server.host, yard.server.port
    knocking = [
        "import socket, time",
        "while True:",
        f"    with socket.create_connection(('{host}', {port})) as one: one.sendall(b'GET /knock HTTP/1.0\\r\\n\\r\\n')",
        "    time.sleep(0.1)",
    ]
    made = steps_job(yard, repository, "COPY knocking.py /", "RUN python3 /knocking.py", files={"knocking.py": "\n".join(knocking)})
    builder = yard.builder()
    builder.start(made)
    wait_for(lambda: any("/knock" in line for line in yard.server.asked))
    builder.cancel(made.id)
    wait_for(lambda: _quiet(yard), seconds=15)


def _quiet(yard: RealYard) -> bool:
    """Whether nobody knocked for a second."""
    before = len(yard.server.asked)
    time.sleep(1)
    return len(yard.server.asked) == before


BROKEN = {
    "a step": (
        ["RUN echo first && \\", "    exit 3"],
        "build_failed",
        "Dockerfile line 2: RUN echo first && exit 3 ended with exit code 3",
    ),
    "no command": (["RUN nothing-of-that-name"], "build_failed", "Dockerfile line 2: RUN nothing-of-that-name ended with exit code 127"),
    "no file": (["COPY missing.txt /"], "build_failed", 'Dockerfile line 2: "/missing.txt" is not in the repository'),
    "no secret": (["RUN --mount=type=secret,id=NOPE,required=true x"], "build_failed", "Dockerfile line 2: the build has no secret NOPE"),
    "flags": (["RUN --mount=type=nonsense x"], "build_failed", "Dockerfile line 2: "),
    "arguments": (["COPY a"], "dockerfile_invalid", "Dockerfile line 2: COPY requires at least two arguments"),
    "too much": (["RUN --security=insecure id"], "build_failed", "the Dockerfile asks for security.insecure, which builds are not given"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_failure_names_its_line_and_what_to_do(yard: RealYard, repository: Repository, name: str) -> None:
    steps, code, message = BROKEN[name]
    status = refused(yard.builder(), steps_job(yard, repository, *steps))
    assert status.code == code
    assert status.message.startswith(message)
    assert status.log.endswith(f"failed: {status.message}\nhint: {status.hint}\n".encode())


@pytest.mark.parametrize(
    ("base", "code"),
    [
        ("{registry}/base/python:none", "base_image_not_found"),
        ("{registry}/acme/other/production/api/77aa:v1", "base_image_denied"),
        ("nowhere.invalid/base:1", "base_image_unreachable"),
    ],
)
def test_a_base_image_that_cannot_be_had_is_named_with_its_line(yard: RealYard, repository: Repository, base: str, code: str) -> None:
    image = base.format(registry=yard.yard.registry)
    commit = repository.commit({"Dockerfile": f"# The base\nFROM {image}\nCMD x\n"})
    status = refused(yard.builder(), job_for(yard.source(repository), commit, id=str(uuid.uuid4()), dockerfile="Dockerfile"))
    assert status.code == code
    assert status.message.startswith("Dockerfile line 2: ") and image in status.message


def test_dockers_own_syntax_is_built_and_another_program_is_not_run(yard: RealYard, repository: Repository) -> None:
    def with_line(line: str) -> BuildJob:
        commit = repository.commit({"Dockerfile": f"{line}\nFROM {yard.base}\nRUN echo fine\nCMD x\n"})
        return job_for(yard.source(repository), commit, id=str(uuid.uuid4()), dockerfile="Dockerfile")

    assert built(yard.builder(), with_line("# syntax=docker/dockerfile:1")).state is JobState.SUCCEEDED
    status = refused(yard.builder(), with_line("# syntax=example.com/evil:1"))
    assert (status.code, "line 1" in status.message) == ("dockerfile_syntax_unsupported", True)


def test_a_build_without_a_dockerfile_is_told_so(yard: RealYard, repository: Repository) -> None:
    commit = repository.commit({"Procfile": "web: x\n"})
    status = refused(yard.builder(), job_for(yard.source(repository), commit, id=str(uuid.uuid4()), procfile="Procfile"))
    assert (status.code, "Dockerfile" in status.hint) == ("dockerfile_missing", True)
