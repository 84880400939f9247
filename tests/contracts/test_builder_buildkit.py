"""What BuildKit promises beside, on the engines that run: images, secrets, caches, failures that name their line, engines that are away."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.adapters.git.credentials import Login
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.buildkit import cache_repository
from chalicelib.ports.builder import BuildJob, BuildStatus, JobState
from tests.contracts.builder_bench import wait_for
from tests.contracts.builds import PLANTED, REPOSITORY, built, job_for, refused, watched
from tests.contracts.real_builder import RealYard, real_yard
from tests.contracts.repositories import Repository


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[RealYard]:
    with real_yard(tmp_path) as found:
        yield found


def job(yard: RealYard, repository: Repository, *steps: str, files: Mapping[str, str] | None = None, **changes: object) -> BuildJob:
    commit = repository.commit({"Dockerfile": "\n".join([f"FROM {yard.base}", *steps, "CMD x", ""]), **(files or {})})
    made = job_for(yard.source(repository), commit, id=str(uuid.uuid4()), dockerfile="Dockerfile")
    return replace(made, **changes)  # type: ignore[arg-type]


def build(yard: RealYard, repository: Repository, *steps: str, cache: str, arguments: Mapping[str, str] | None = None) -> BuildStatus:
    return built(yard.builder(), job(yard, repository, *steps, cache=cache, arguments=arguments or {}))


def test_an_image_is_in_the_registry_with_the_builds_id_and_arguments(yard: RealYard, repository: Repository) -> None:
    made = job(yard, repository, "ARG VERSION", "ENV SAID=$VERSION", "WORKDIR /app", "COPY . .", arguments={"VERSION": "$(one) $$ two"})
    status = built(yard.builder(), made)
    assert status.state is JobState.SUCCEEDED and status.image is not None
    assert status.image.repository == REPOSITORY
    assert yard.registry.registry.has(REPOSITORY, status.image.digest)
    config = yard.config(REPOSITORY, status.image.digest)
    assert config["Labels"]["ancla.dev/build-id"] == made.id
    assert "SAID=$(one) $$ two" in config["Env"]
    assert config["WorkingDir"] == "/app"


def test_two_builds_of_one_commit_have_two_digests_and_the_second_is_cached(yard: RealYard, repository: Repository) -> None:
    first = job(yard, repository, f"RUN echo {uuid.uuid4()}")
    one, two = (built(yard.builder(), each) for each in (first, replace(first, id=str(uuid.uuid4()))))
    assert one.image is not None and two.image is not None
    assert one.image.digest != two.image.digest
    assert b"CACHED" in two.log and b"importing cache manifest" in two.log


def test_a_secret_reaches_its_step_and_nothing_else(yard: RealYard, repository: Repository) -> None:
    made = job(
        yard, repository, "RUN --mount=type=secret,id=NPM_TOKEN sha256sum < /run/secrets/NPM_TOKEN", "RUN test ! -e /run/secrets/NPM_TOKEN"
    )
    builder = yard.builder()
    status = built(builder, made)
    assert status.state is JobState.SUCCEEDED and status.image is not None
    assert hashlib.sha256(PLANTED.encode()).hexdigest().encode() in status.log
    everything = json.dumps([yard.job(made.id), *yard.pods(made.id), yard.config(REPOSITORY, status.image.digest)])
    assert PLANTED not in everything + status.log.decode()


def test_a_secret_that_a_step_prints_is_painted_over(yard: RealYard, repository: Repository) -> None:
    loop = "for n in 1 2 3; do echo $n; printf '<%s' \"$(cat /run/secrets/NPM_TOKEN)\"; sleep 0.5; echo '>'; done; false"
    step = f"RUN --mount=type=secret,id=NPM_TOKEN {loop}"
    made = job(yard, repository, step)
    builder = yard.builder()
    status = built(builder, made)
    assert PLANTED.encode() not in status.log
    assert status.log.count(b"<" + b"*" * len(PLANTED) + b">") >= 3
    assert watched(builder, made.id).log == status.log


def test_what_a_build_hides_lies_in_a_secret_that_goes_with_its_job(yard: RealYard, repository: Repository) -> None:
    made = job(yard, repository, "RUN sleep 600")
    builder = yard.builder()
    builder.start(made)
    secret = yard.secret(made.id)
    assert secret is not None
    assert [owner["uid"] for owner in secret["metadata"]["ownerReferences"]] == [yard.job(made.id)["metadata"]["uid"]]
    builder.cancel(made.id)
    assert yard.secret(made.id) is None


def test_a_cancelled_step_stops_within_seconds(yard: RealYard, repository: Repository) -> None:
    host, port = yard.server.host, yard.server.port
    knocking = [
        "import socket, time",
        "while True:",
        f"    with socket.create_connection(('{host}', {port})) as one: one.sendall(b'GET /knock HTTP/1.0\\r\\n\\r\\n')",
        "    time.sleep(0.1)",
    ]
    made = job(yard, repository, "COPY knocking.py /", "RUN python3 /knocking.py", files={"knocking.py": "\n".join(knocking)})
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
    status = refused(yard.builder(), job(yard, repository, *steps))
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


def test_the_registrys_password_opens_what_is_the_builds_own(yard: RealYard, repository: Repository) -> None:
    made = job(yard, repository, "RUN sleep 600")
    builder = yard.builder()
    builder.start(made)
    secret = yard.secret(made.id)
    builder.cancel(made.id)
    assert secret is not None
    login = json.loads(base64.b64decode(secret["data"]["config.json"]))["auths"][yard.yard.registry]["auth"]
    username, _, password = base64.b64decode(login).decode().partition(":")
    claims = yard.registry.tokens.claims_of(Secret(password), now=datetime.now(UTC))
    assert claims is not None and claims.holder.username == username == "5f0c/v3"
    opened = [(REPOSITORY, ("pull", "push")), (cache_repository(made.cache), ("pull", "push")), ("base/python", ("pull",))]
    assert [(access.name, access.actions) for access in claims.access] == opened


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


def test_a_repository_behind_a_login_is_built(yard: RealYard, repository: Repository) -> None:
    login = Login("bot", Secret("planted-git-token"))
    yard.server.authorization = login.header().reveal()
    made = job(yard, repository)
    builder = yard.builder(logins={yard.server.address: login})
    status = built(builder, made)
    assert status.state is JobState.SUCCEEDED
    assert "planted-git-token" not in json.dumps([yard.job(made.id), *yard.pods(made.id)]) + status.log.decode()
    assert refused(yard.builder(), job(yard, repository, "RUN echo other")).code == "repository_needs_credentials"


@pytest.mark.parametrize(
    ("address", "image", "code"), [("tcp://10.96.0.12:1", "", "buildkit_unavailable"), ("", "localhost/nothing:1", "build_pod_stuck")]
)
def test_an_engine_that_is_away_is_told_once_and_then_the_build_is_lost(
    yard: RealYard, repository: Repository, address: str, image: str, code: str
) -> None:
    made = job(yard, repository)
    broken = yard.builder(yard=replace(yard.yard, address=address or yard.yard.address, image=image or yard.yard.image), patience=3)
    broken.start(made)
    with pytest.raises(Unavailable) as caught:
        watched(broken, made.id)
    assert caught.value.code == code and caught.value.hint
    assert watched(broken, made.id).state is JobState.LOST
    assert built(yard.builder(), made).state is JobState.SUCCEEDED


def test_a_build_that_takes_too_long_is_ended(yard: RealYard, repository: Repository) -> None:
    status = built(yard.builder(yard=replace(yard.yard, deadline=5)), job(yard, repository, "RUN sleep 600"))
    assert (status.state, status.code) == (JobState.FAILED, "build_timeout")
    assert b"RUN sleep 600" in status.log and status.log.endswith(f"hint: {status.hint}\n".encode())


def test_a_start_that_died_halfway_is_gone_on_with(yard: RealYard, repository: Repository) -> None:
    made = job(yard, repository)
    builder = yard.builder()
    builder._jobs.create(made.id, builder._planned(made, 0))
    assert builder.watch(made.id, log_offset=0, seconds=1).state is JobState.LOST
    assert built(builder, made).state is JobState.SUCCEEDED
