"""What every source host promises: the embedded one on repositories of this machine, the other one on git's own HTTP server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.source import EmbeddedSource
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.hierarchy import Source
from chalicelib.ports.source import Revision, SourceHost, SourceProblem
from tests.contracts.git_servers import git_server, loopback_source
from tests.contracts.repositories import Repository, no_server, server_that_hangs, server_that_wants_a_password

PROCFILE = "web: python server.py\n"


@dataclass(frozen=True)
class Served:
    """A source host, and where it finds a repository."""

    host: SourceHost
    location: Callable[[Repository], str]
    patient: Callable[[float], SourceHost]
    """The same, which waits so many seconds."""

    def source(self, repository: Repository) -> Source:
        return Source(location=self.location(repository))


@pytest.fixture(params=["embedded", "http"])
def served(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Served]:
    if request.param == "embedded":

        def patient(seconds: float) -> SourceHost:
            return EmbeddedSource(home, local_repositories=True, seconds=seconds)

        yield Served(patient(10), lambda repository: str(repository.path), patient)
        return
    with git_server(tmp_path) as server:
        yield Served(loopback_source(), server.location, lambda seconds: loopback_source(seconds=seconds))


def refused(host: SourceHost, location: str, ref: str = "") -> SourceProblem:
    with pytest.raises(SourceProblem) as caught:
        host.resolve(Source(location=location), ref, ["Procfile"])
    assert caught.value.message and caught.value.hint
    return caught.value


def test_without_a_ref_the_default_branch_is_read(served: Served, repository: Repository) -> None:
    commit = repository.commit({"Procfile": PROCFILE}, "Say hello\n\nAt last.")
    found = served.host.resolve(served.source(repository), "", ["Procfile", "Dockerfile"])
    assert found == Revision(commit, "Say hello\n\nAt last.", {"Procfile": PROCFILE})


def test_the_sources_branch_goes_before_the_default_one(served: Served, repository: Repository) -> None:
    repository.commit({"Procfile": PROCFILE})
    repository.git("switch", "-q", "-c", "next")
    wanted = repository.commit({"Procfile": "web: next\n"})
    repository.git("switch", "-q", "main")
    assert served.host.resolve(Source(location=served.location(repository), branch="next"), "", []).commit == wanted


def test_a_branch_is_read_again_each_time(served: Served, repository: Repository) -> None:
    for content in ("web: one\n", "web: two\n"):
        commit = repository.commit({"Procfile": content})
        assert served.host.resolve(served.source(repository), "main", ["Procfile"]) == Revision(commit, "A change", {"Procfile": content})


@pytest.mark.parametrize("annotated", [True, False])
def test_a_tag_means_its_commit(served: Served, repository: Repository, annotated: bool) -> None:
    commit = repository.commit({"Procfile": PROCFILE})
    repository.git("tag", *(["-a", "-m", "First"] if annotated else []), "v1.0")
    repository.commit({"Procfile": "web: later\n"})
    assert served.host.resolve(served.source(repository), "v1.0", []).commit == commit


@pytest.mark.parametrize("length", [40, 12, 7])
def test_a_commit_is_found_by_its_hash_or_the_beginning_of_it(served: Served, repository: Repository, length: int) -> None:
    commit = repository.commit({"Procfile": PROCFILE})
    repository.commit({"Procfile": "web: later\n"})
    assert served.host.resolve(served.source(repository), commit[:length], ["Procfile"]) == Revision(
        commit, "A change", {"Procfile": PROCFILE}
    )


def test_a_branch_of_several_parts_is_found_by_its_whole_name_alone(served: Served, repository: Repository) -> None:
    repository.commit()
    repository.git("branch", "team/next")
    assert served.host.resolve(served.source(repository), "team/next", []).commit
    assert refused(served.host, served.location(repository), "next").code == "ref_not_found"


@pytest.mark.parametrize("ref", ["missing", "deadbee", "0" * 40])
def test_a_ref_that_is_not_there_is_named(served: Served, repository: Repository, ref: str) -> None:
    repository.commit()
    assert refused(served.host, served.location(repository), ref).code == "ref_not_found"


@pytest.mark.parametrize("ref", ["-main", "--upload-pack=touch /tmp/x", "main:refs/heads/x", "a..b", "HEAD~1"])
def test_a_ref_that_could_be_more_than_a_name_is_refused(served: Served, repository: Repository, ref: str) -> None:
    repository.commit()
    assert refused(served.host, served.location(repository), ref).code == "ref_not_found"


def test_an_empty_repository_has_nothing_to_deploy(served: Served, repository: Repository) -> None:
    problem = refused(served.host, served.location(repository))
    assert problem.code == "ref_not_found"
    assert "no commit" in problem.message


@pytest.mark.parametrize(
    "location",
    ["ext::sh -c touch% /tmp/x", "ext::sh", "--upload-pack=touch", "-x", "ftp://example.com/a.git", "https://u:p@example.com/a", ""],
)
def test_an_address_that_could_run_or_leak_something_is_refused(served: Served, location: str) -> None:
    assert refused(served.host, location).code == "repository_unsafe"


def test_a_repository_that_asks_for_a_password_is_told_from_one_that_is_not_there(served: Served) -> None:
    with server_that_wants_a_password() as location:
        assert refused(served.host, location).code == "repository_needs_credentials"


def test_a_server_that_hangs_is_given_up_in_time(served: Served) -> None:
    host = served.patient(0.2)
    began = time.monotonic()
    with server_that_hangs() as location, pytest.raises(Unavailable) as caught:
        host.resolve(Source(location=location), "", [])
    assert caught.value.code == "source_timed_out"
    assert time.monotonic() - began < 2


def test_a_server_that_is_down_may_be_up_later(served: Served) -> None:
    with no_server() as location, pytest.raises(Unavailable) as caught:
        served.host.resolve(Source(location=location), "", [])
    assert caught.value.code == "source_unavailable"


def test_a_link_to_a_file_of_the_tree_is_followed(served: Served, repository: Repository) -> None:
    (repository.path / "Procfile").symlink_to("deploy/Procfile")
    repository.commit({"deploy/Procfile": PROCFILE})
    assert served.host.resolve(served.source(repository), "", ["Procfile"]).files == {"Procfile": PROCFILE}


def test_a_link_out_of_the_tree_reads_as_no_file(served: Served, repository: Repository) -> None:
    (repository.path / "Procfile").symlink_to("/etc/passwd")
    (repository.path / "Dockerfile").symlink_to("../../etc/passwd")
    repository.commit()
    assert served.host.resolve(served.source(repository), "", ["Procfile", "Dockerfile"]).files == {}


def test_a_folder_of_that_name_is_no_file(served: Served, repository: Repository) -> None:
    repository.commit({"Procfile/inner": "x", "Dockerfile": "FROM scratch\n"})
    assert served.host.resolve(served.source(repository), "", ["Procfile", "Dockerfile"]).files == {"Dockerfile": "FROM scratch\n"}


@pytest.mark.parametrize("content", [b"web: \xff\xfe\n", b"web: a\0b\n", b"#" * (256 * 1024 + 1)])
def test_a_file_that_is_no_text_or_too_long_is_named(served: Served, repository: Repository, content: bytes) -> None:
    repository.commit({"Procfile": content})
    problem = refused(served.host, served.location(repository))
    assert problem.code == "file_invalid"
    assert "Procfile" in problem.message


def test_a_repository_that_is_not_there_is_named(served: Served, repository: Repository) -> None:
    location = served.location(repository).replace("repository", "nowhere")
    problem = refused(served.host, location)
    assert problem.code == "repository_not_found"
    assert location in problem.message


def test_a_file_deep_in_the_tree_is_found(served: Served, repository: Repository) -> None:
    repository.commit({"deploy/api/Procfile": PROCFILE, "deploy/other": "x", "README": "x"})
    (repository.path / "linked").symlink_to("deploy/api")
    repository.commit()
    files = served.host.resolve(served.source(repository), "", ["deploy/api/Procfile", "linked/../other", "deploy/none/x"]).files
    assert files == {"deploy/api/Procfile": PROCFILE, "linked/../other": "x"}


def test_links_that_lead_in_a_circle_are_no_file(served: Served, repository: Repository) -> None:
    (repository.path / "Procfile").symlink_to("Dockerfile")
    (repository.path / "Dockerfile").symlink_to("Procfile")
    repository.commit()
    assert served.host.resolve(served.source(repository), "", ["Procfile"]).files == {}
