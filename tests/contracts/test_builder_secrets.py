"""What builds have to hide, on the engines that run: it reaches the step that asks for it, and is found nowhere afterwards."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.adapters.buildkit.builder import BuildKitBuilder
from chalicelib.adapters.git.credentials import Login
from chalicelib.adapters.kubernetes.kinds import place
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.buildkit import BuildYard, cache_repository, job_name
from chalicelib.ports.builder import JobState
from tests.contracts.builds import PLANTED, REPOSITORY, built, refused, watched, watched_until
from tests.contracts.real_builder import RealYard, real_yard, steps_job
from tests.contracts.repositories import Repository


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[RealYard]:
    with real_yard(tmp_path) as found:
        yield found


def forms_of(secret: str) -> list[bytes]:
    """How it may be written: as it is, in hexadecimal, and in base64 wherever in a longer text it begins."""
    raw = secret.encode()
    inner = [base64.b64encode(b"x" * shift + raw)[2 * shift : -4].lstrip(b"=") for shift in range(3)]
    return [raw, raw.hex().encode(), *inner]


def found_in(place: bytes, secret: str) -> list[bytes]:
    return [form for form in forms_of(secret) if form in place]


def test_a_secret_reaches_its_step_and_nothing_else(yard: RealYard, repository: Repository) -> None:
    made = steps_job(
        yard, repository, "RUN --mount=type=secret,id=NPM_TOKEN sha256sum < /run/secrets/NPM_TOKEN", "RUN test ! -e /run/secrets/NPM_TOKEN"
    )
    builder = yard.builder()
    status = built(builder, made)
    assert status.state is JobState.SUCCEEDED and status.image is not None
    assert hashlib.sha256(PLANTED.encode()).hexdigest().encode() in status.log
    described = json.dumps([yard.job(made.id), *yard.pods(made.id), *yard.events(made.id)])
    stored = yard.content(REPOSITORY, status.image.digest) + yard.content(cache_repository(made.cache), "build")
    assert b"root:x:0:0" in stored, "the layers were not looked into"
    for where in (described.encode(), status.log, stored, yard.buildkits_log().encode()):
        assert found_in(where, PLANTED) == []


def test_a_secret_that_a_step_prints_is_painted_over(yard: RealYard, repository: Repository) -> None:
    loop = "for n in 1 2 3; do echo $n; printf '<%s' \"$(cat /run/secrets/NPM_TOKEN)\"; sleep 0.5; echo '>'; done; false"
    step = f"RUN --mount=type=secret,id=NPM_TOKEN {loop}"
    made = steps_job(yard, repository, step)
    builder = yard.builder()
    status = built(builder, made)
    assert PLANTED.encode() not in status.log
    assert status.log.count(b"<" + b"*" * len(PLANTED) + b">") >= 3
    assert watched(builder, made.id).log == status.log


def test_what_a_build_hides_lies_in_a_secret_that_goes_with_its_job(yard: RealYard, repository: Repository) -> None:
    made = steps_job(yard, repository, "RUN sleep 600")
    builder = yard.builder()
    builder.start(made)
    secret = yard.secret(made.id)
    assert secret is not None
    assert [owner["uid"] for owner in secret["metadata"]["ownerReferences"]] == [yard.job(made.id)["metadata"]["uid"]]
    builder.cancel(made.id)
    assert yard.secret(made.id) is None


def test_what_a_build_that_has_ended_was_given_can_be_taken_away_and_nothing_it_printed_is_shown_any_more(
    yard: RealYard, repository: Repository
) -> None:
    made = steps_job(yard, repository, "RUN --mount=type=secret,id=NPM_TOKEN cat /run/secrets/NPM_TOKEN && false")
    builder = yard.builder()
    assert built(builder, made).state is JobState.FAILED
    assert yard.secret(made.id) is not None
    builder.cancel(made.id)
    assert yard.secret(made.id) is None
    again = watched(builder, made.id)
    assert (again.state, again.code, again.log) == (JobState.FAILED, "build_cancelled", b"")


def test_a_build_whose_secret_is_gone_shows_nothing(yard: RealYard, repository: Repository) -> None:
    made = steps_job(yard, repository, "RUN --mount=type=secret,id=NPM_TOKEN sleep 3 && cat /run/secrets/NPM_TOKEN && sleep 600")
    builder = yard.builder()
    builder.start(made)
    try:
        watched_until(builder, made.id, b"sleep 3")
        yard.admin.delete(place("Secret", yard.yard.namespace, job_name(made.id)), {})
        assert builder.watch(made.id, log_offset=0, seconds=6).log == b""
    finally:
        builder.cancel(made.id)


def test_the_registrys_password_opens_what_is_the_builds_own(yard: RealYard, repository: Repository) -> None:
    made = steps_job(yard, repository, "RUN sleep 600")
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


def test_a_repository_behind_a_login_is_built(yard: RealYard, repository: Repository) -> None:
    (repository.path / "run.sh").touch(mode=0o755)
    files = {"run.sh": "#!/bin/sh\necho ran\n", "Dockerfile.dockerignore": "left-out\n", "left-out": "x"}
    builder, _ = behind_a_login(yard)
    made = steps_job(yard, repository, "COPY . /app", "RUN /app/run.sh && test ! -e /app/left-out && stat -c %u /app/run.sh", files=files)
    status = built(builder, made)
    assert status.state is JobState.SUCCEEDED and status.image is not None
    assert b" ran\n" in status.log and b" 0\n" in status.log
    described = json.dumps([yard.job(made.id), *yard.pods(made.id)]).encode()
    stored = yard.content(REPOSITORY, status.image.digest) + yard.content(cache_repository(made.cache), "build")
    for where in (described, status.log, stored, yard.buildkits_log().encode()):
        assert found_in(where, GIT_TOKEN) == []
    assert refused(yard.builder(), steps_job(yard, repository, "RUN echo other")).code == "repository_needs_credentials"


def test_a_commit_behind_a_login_that_is_too_large_is_told_as_that(yard: RealYard, repository: Repository) -> None:
    builder, _ = behind_a_login(yard, limited=replace(yard.yard, context_limit="1Mi"))
    made = steps_job(yard, repository, "COPY . /app", "RUN sleep 200", files={"large": "x" * 3 * 1024 * 1024})
    status = refused(builder, made)
    assert (status.code, status.hint != "") == ("context_too_large", True)


def test_no_step_reaches_the_repositorys_login(yard: RealYard, repository: Repository) -> None:
    builder, host = behind_a_login(yard)
    step = f"RUN --mount=type=secret,id=GIT_AUTH_HEADER.{host},target=/got,required=true sha256sum < /got"
    message = refused(builder, steps_job(yard, repository, step)).message
    assert message.startswith("Dockerfile line 2: ") and "not found" in message


def test_a_login_that_the_server_does_not_take_is_told_as_that(yard: RealYard, repository: Repository) -> None:
    """It was taken when the commit was resolved, and has been changed since."""
    builder, _ = behind_a_login(yard)
    made = steps_job(yard, repository)
    manifest = builder._planned(made, 0)
    yard.server.authorization = "Basic another"
    builder._go_on(made, builder._jobs.create(made.id, manifest))
    status = watched(builder, made.id)
    assert (status.state, status.code) == (JobState.FAILED, "repository_needs_credentials")
    assert "line" not in status.message and GIT_TOKEN.encode() not in status.log


GIT_TOKEN = "planted-git-token"


def behind_a_login(yard: RealYard, *, limited: BuildYard | None = None) -> tuple[BuildKitBuilder, str]:
    """A builder that has the login which the server asks for from now on, and the server as BuildKit names it."""
    login = Login("bot", Secret(GIT_TOKEN))
    yard.server.authorization = login.header().reveal()
    return yard.builder(yard=limited, logins={yard.server.address: login}), f"{yard.server.host}:{yard.server.port}"
