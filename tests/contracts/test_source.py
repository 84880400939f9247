"""What every source host promises; here the embedded one, on real repositories."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.source import EmbeddedSource
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.hierarchy import Source
from chalicelib.ports.source import Revision, SourceHost, SourceProblem
from tests.contracts.repositories import Repository, no_server, server_that_hangs, server_that_wants_a_password
from tests.machine import git

PROCFILE = "web: python server.py\n"


@pytest.fixture
def source(home: Path) -> SourceHost:
    return EmbeddedSource(home, local_repositories=True)


def refused(host: SourceHost, location: str, ref: str = "") -> SourceProblem:
    with pytest.raises(SourceProblem) as caught:
        host.resolve(Source(location=location), ref, ["Procfile"])
    assert caught.value.message and caught.value.hint
    return caught.value


def test_without_a_ref_the_default_branch_is_read(source: SourceHost, repository: Repository) -> None:
    commit = repository.commit({"Procfile": PROCFILE}, "Say hello\n\nAt last.")
    found = source.resolve(repository.source, "", ["Procfile", "Dockerfile"])
    assert found == Revision(commit, "Say hello\n\nAt last.", {"Procfile": PROCFILE})


def test_the_sources_branch_goes_before_the_default_one(source: SourceHost, repository: Repository) -> None:
    repository.commit({"Procfile": PROCFILE})
    repository.git("switch", "-q", "-c", "next")
    wanted = repository.commit({"Procfile": "web: next\n"})
    repository.git("switch", "-q", "main")
    assert source.resolve(Source(location=str(repository.path), branch="next"), "", []).commit == wanted


def test_a_branch_is_read_again_each_time(source: SourceHost, repository: Repository) -> None:
    for content in ("web: one\n", "web: two\n"):
        commit = repository.commit({"Procfile": content})
        assert source.resolve(repository.source, "main", ["Procfile"]) == Revision(commit, "A change", {"Procfile": content})


@pytest.mark.parametrize("annotated", [True, False])
def test_a_tag_means_its_commit(source: SourceHost, repository: Repository, annotated: bool) -> None:
    commit = repository.commit({"Procfile": PROCFILE})
    repository.git("tag", *(["-a", "-m", "First"] if annotated else []), "v1.0")
    repository.commit({"Procfile": "web: later\n"})
    assert source.resolve(repository.source, "v1.0", []).commit == commit


@pytest.mark.parametrize("length", [40, 12, 7])
def test_a_commit_is_found_by_its_hash_or_the_beginning_of_it(source: SourceHost, repository: Repository, length: int) -> None:
    commit = repository.commit({"Procfile": PROCFILE})
    repository.commit({"Procfile": "web: later\n"})
    assert source.resolve(repository.source, commit[:length], ["Procfile"]) == Revision(commit, "A change", {"Procfile": PROCFILE})


def test_a_branch_of_several_parts_is_found_by_its_whole_name_alone(source: SourceHost, repository: Repository) -> None:
    repository.commit()
    repository.git("branch", "team/next")
    assert source.resolve(repository.source, "team/next", []).commit
    assert refused(source, str(repository.path), "next").code == "ref_not_found"


@pytest.mark.parametrize("ref", ["missing", "deadbee", "0" * 40])
def test_a_ref_that_is_not_there_is_named(source: SourceHost, repository: Repository, ref: str) -> None:
    repository.commit()
    assert refused(source, str(repository.path), ref).code == "ref_not_found"


@pytest.mark.parametrize("ref", ["-main", "--upload-pack=touch /tmp/x", "main:refs/heads/x", "a..b", "HEAD~1"])
def test_a_ref_that_could_be_more_than_a_name_is_refused(source: SourceHost, repository: Repository, ref: str) -> None:
    repository.commit()
    assert refused(source, str(repository.path), ref).code == "ref_not_found"


def test_an_empty_repository_has_nothing_to_deploy(source: SourceHost, repository: Repository) -> None:
    problem = refused(source, str(repository.path))
    assert problem.code == "ref_not_found"
    assert "no commit" in problem.message


def test_a_repository_of_another_object_format_is_told_from_an_empty_one(source: SourceHost, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256", "long")
    git(tmp_path / "long", "commit", "-q", "--allow-empty", "-m", "A change")
    problem = refused(source, str(tmp_path / "long"))
    assert (problem.code, "SHA-256" in problem.message) == ("repository_unsafe", True)
    assert "--object-format=sha1" in problem.hint


def test_a_repository_that_is_not_there_is_named(source: SourceHost, tmp_path: Path) -> None:
    problem = refused(source, str(tmp_path / "nowhere"))
    assert problem.code == "repository_not_found"
    assert str(tmp_path / "nowhere") in problem.message


@pytest.mark.parametrize(
    "location",
    ["ext::sh -c touch% /tmp/x", "ext::sh", "--upload-pack=touch", "-x", "ftp://example.com/a.git", "https://u:p@example.com/a", ""],
)
def test_an_address_that_could_run_or_leak_something_is_refused(source: SourceHost, location: str) -> None:
    assert refused(source, location).code == "repository_unsafe"


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_paths_of_the_machine_are_refused_where_they_are_not_allowed(home: Path, repository: Repository, prefix: str) -> None:
    repository.commit()
    assert refused(EmbeddedSource(home, local_repositories=False), f"{prefix}{repository.path}").code == "repository_unsafe"


def test_a_file_url_is_read_where_paths_are_allowed(source: SourceHost, repository: Repository) -> None:
    commit = repository.commit()
    assert source.resolve(Source(location=f"file://{repository.path}"), "", []).commit == commit


def test_what_lies_in_ancla_s_own_home_is_no_repository(source: SourceHost, repository: Repository, home: Path, tmp_path: Path) -> None:
    commit = repository.commit()
    source.resolve(repository.source, "", [])
    copy = next(path for path in (home / "git").iterdir() if path.suffix == ".git")
    (tmp_path / "link").symlink_to(copy)
    (tmp_path / "led").mkdir()
    (tmp_path / "led/.git").write_text(f"gitdir: {copy}\n")
    encoded = f"file://{str(copy).replace('home', 'h%6Fme')}"
    ways = [f"{copy}", f"file://{copy}", f"file://localhost{copy}", encoded, f"{tmp_path}/x/../home/git/{copy.name}", f"{tmp_path}/link"]
    for location in [
        *ways,
        f"{tmp_path}/led",
        f"/proc/self/cwd/../{copy.name}",
        f"/proc/{os.getpid()}/root{copy}",
        str(home / "admin.key"),
    ]:
        problem = refused(source, location, commit)
        assert (problem.code, "leads into" in problem.message) == ("repository_unsafe", True), location


def test_a_file_that_is_no_repository_is_told_from_a_server_that_is_down(source: SourceHost, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a file of somebody else")
    problem = refused(source, str(tmp_path / "key"))
    assert (problem.code, "somebody" in problem.message) == ("repository_not_found", False)


def test_hooks_of_the_repository_are_not_run(source: SourceHost, repository: Repository, tmp_path: Path) -> None:
    repository.commit()
    for name in ("post-checkout", "reference-transaction", "pre-receive", "post-upload-pack"):
        hook = repository.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
    repository.git("config", "uploadpack.packObjectsHook", f"touch {tmp_path}/ran;")
    source.resolve(repository.source, "", [])
    assert not (tmp_path / "ran").exists()


def test_a_repository_that_asks_for_a_password_is_told_from_one_that_is_not_there(source: SourceHost) -> None:
    with server_that_wants_a_password() as location:
        assert refused(source, location).code == "repository_needs_credentials"


def test_a_server_that_hangs_is_given_up_in_time(home: Path) -> None:
    host = EmbeddedSource(home, local_repositories=True, seconds=0.2)
    began = time.monotonic()
    with server_that_hangs() as location, pytest.raises(Unavailable) as caught:
        host.resolve(Source(location=location), "", [])
    assert caught.value.code == "source_timed_out"
    assert time.monotonic() - began < 2


def test_a_server_that_is_down_may_be_up_later(source: SourceHost) -> None:
    with no_server() as location, pytest.raises(Unavailable) as caught:
        source.resolve(Source(location=location), "", [])
    assert caught.value.code == "source_unavailable"


def test_a_link_to_a_file_of_the_tree_is_followed(source: SourceHost, repository: Repository) -> None:
    (repository.path / "Procfile").symlink_to("deploy/Procfile")
    repository.commit({"deploy/Procfile": PROCFILE})
    assert source.resolve(repository.source, "", ["Procfile"]).files == {"Procfile": PROCFILE}


def test_a_link_out_of_the_tree_reads_as_no_file(source: SourceHost, repository: Repository) -> None:
    (repository.path / "Procfile").symlink_to("/etc/passwd")
    (repository.path / "Dockerfile").symlink_to("../../etc/passwd")
    repository.commit()
    assert source.resolve(repository.source, "", ["Procfile", "Dockerfile"]).files == {}


def test_a_folder_of_that_name_is_no_file(source: SourceHost, repository: Repository) -> None:
    repository.commit({"Procfile/inner": "x", "Dockerfile": "FROM scratch\n"})
    assert source.resolve(repository.source, "", ["Procfile", "Dockerfile"]).files == {"Dockerfile": "FROM scratch\n"}


@pytest.mark.parametrize("content", [b"web: \xff\xfe\n", b"web: a\0b\n", b"#" * (256 * 1024 + 1)])
def test_a_file_that_is_no_text_or_too_long_is_named(source: SourceHost, repository: Repository, content: bytes) -> None:
    repository.commit({"Procfile": content})
    problem = refused(source, str(repository.path))
    assert problem.code == "file_invalid"
    assert "Procfile" in problem.message


def test_what_a_killed_git_left_behind_does_not_stand_in_the_way(source: SourceHost, home: Path, repository: Repository) -> None:
    repository.commit()
    source.resolve(repository.source, "", [])
    (cache,) = (home / "git").glob("*.git")
    (cache / "shallow.lock").touch()
    commit = repository.commit({"Procfile": PROCFILE})
    assert source.resolve(repository.source, "", ["Procfile"]) == Revision(commit, "A change", {"Procfile": PROCFILE})


def test_many_at_once_get_the_same_answer(home: Path, repository: Repository) -> None:
    commit = repository.commit({"Procfile": PROCFILE})
    answers: list[str] = []

    def ask() -> None:
        answers.append(EmbeddedSource(home, local_repositories=True).resolve(repository.source, commit[:10], ["Procfile"]).commit)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [commit] * 6


def test_a_repository_that_belongs_to_somebody_else_is_read(source: SourceHost, repository: Repository) -> None:
    commit = repository.commit({"Procfile": PROCFILE})
    if os.geteuid() == 0:  # nobody else may give files away
        for path in [repository.path, *repository.path.rglob("*")]:
            os.chown(path, 12345, 12345, follow_symlinks=False)
    assert source.resolve(repository.source, "", []).commit == commit
