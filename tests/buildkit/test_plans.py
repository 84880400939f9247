"""What is refused before anything is built, and what has to be hidden while it is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from chalicelib.adapters.buildkit.masks import masked, secrets_in, whole_lines
from chalicelib.adapters.buildkit.notes import Refused
from chalicelib.adapters.buildkit.plans import check_syntax, processes_to_build
from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.hierarchy import Source
from chalicelib.ports.builder import BuildJob
from tests.memory.source import MemorySource

LOCATION = "https://git.test/acme/shop.git"


@dataclass
class Repository:
    source: MemorySource = field(default_factory=MemorySource)

    def job(self, files: Mapping[str, str], *, dockerfile: str = "Dockerfile", procfile: str = "") -> BuildJob:
        commit = self.source.push(LOCATION, "main", files)
        return BuildJob(
            id="b1",
            service_id="s1",
            number=1,
            source=Source(location=LOCATION),
            commit=commit,
            repository="acme/api",
            cache="acme/shop",
            dockerfile=dockerfile,
            procfile=procfile,
        )


@pytest.fixture
def repository() -> Repository:
    return Repository()


def test_the_procfile_goes_before_the_dockerfiles_command(repository: Repository) -> None:
    job = repository.job({"Dockerfile": "FROM a\nCMD one\n", "Procfile": "web: two\n"}, procfile="Procfile")
    assert processes_to_build(job, repository.source) == {"web": "two"}
    assert processes_to_build(replace(job, procfile=""), repository.source) == {"web": "one"}


@pytest.mark.parametrize(
    ("files", "changes", "code"),
    [
        ({"Procfile": "web: x\n"}, {"dockerfile": "", "procfile": "Procfile"}, "dockerfile_missing"),
        ({"Procfile": "web: x\n"}, {"procfile": "Procfile"}, "dockerfile_missing"),
        ({"Dockerfile": "FROM a\n"}, {"procfile": "Procfile"}, "procfile_missing"),
        ({"Dockerfile": "FROM a\n"}, {}, "nothing_to_run"),
        ({"Dockerfile": "FROM a\n", "Procfile": "nonsense\n"}, {"procfile": "Procfile"}, "procfile_invalid"),
        ({"Dockerfile": "FROM a\nINSTALL x\n"}, {}, "dockerfile_invalid"),
    ],
)
def test_what_cannot_be_built_is_refused(repository: Repository, files: Mapping[str, str], changes: Mapping[str, str], code: str) -> None:
    plan = processes_to_build(repository.job(files, **changes), repository.source)
    assert isinstance(plan, Refused)
    assert plan.code == code and plan.message and plan.hint


def test_a_commit_that_is_gone_is_refused_and_a_server_that_is_away_is_not(repository: Repository) -> None:
    job = replace(repository.job({"Dockerfile": "FROM a\nCMD x\n"}), commit="0" * 40)
    plan = processes_to_build(job, repository.source)
    assert isinstance(plan, Refused) and plan.code == "ref_not_found"

    class Away(MemorySource):
        def resolve(self, source: Source, ref: str, files: object) -> object:  # type: ignore[override]
            raise Unavailable("away")

    with pytest.raises(Unavailable):
        processes_to_build(job, Away())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\n# syntax=evil\n",
        "# syntax=docker/dockerfile:1\nFROM a\n",
        "# syntax = docker.io/docker/dockerfile:1.7-labs\n",
        "# escape=`\n# syntax=docker/dockerfile-upstream:master\n",
        f"#syntax=docker/dockerfile:1@sha256:{'a' * 64}\n",
        "# a comment\n# syntax=evil\n",
    ],
)
def test_dockers_own_syntax_and_lines_that_are_no_order_are_taken(text: str) -> None:
    check_syntax(text)


@pytest.mark.parametrize(
    "text",
    [
        "# syntax=evil/x\n",
        "#SYNTAX=evil/docker/dockerfile:1\n",
        "# escape=`\n# syntax=docker/dockerfile.evil/x\n",
        "\ufeff# syntax=docker/dockerfile:1/x\n",
    ],
)
def test_another_program_for_the_dockerfile_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(Invalid, match=r"Dockerfile line \d: the syntax") as caught:
        check_syntax(text)
    assert caught.value.code == "dockerfile_syntax_unsupported"


def test_secrets_are_painted_over_and_nothing_moves() -> None:
    data = {"config.json": "aaaaaaaaaa", "secret.A": "hunter22", "secret.B": "line one\nline two two\n", "secret.C": "tiny"}
    secrets = secrets_in({key: base64.b64encode(value.encode()).decode() for key, value in data.items()}, "secret.")
    log = b"tiny xhunter22y hunter22\nline two two aaaaaaaaaa\n"
    assert masked(log, secrets) == b"tiny x********y ********\n************ aaaaaaaaaa\n"


def test_of_two_secrets_the_one_within_the_other_leaves_no_rest() -> None:
    secrets = secrets_in({f"secret.{value}": base64.b64encode(value.encode()).decode() for value in ("abcdef", "abcdefghi")}, "secret.")
    assert masked(b"abcdefghi abcdef", secrets) == b"********* ******"


@pytest.mark.parametrize(("offset", "seen"), [(0, b"one\ntwo\n"), (4, b"two\n"), (8, b""), (9, b""), (99, b"")])
def test_a_line_that_is_still_written_waits(offset: int, seen: bytes) -> None:
    assert whole_lines(b"one\ntwo\nthr", offset) == seen
