"""What the embedded source host promises beside: it reads repositories of this machine, and keeps a cache of all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.source import EmbeddedSource
from chalicelib.domain.hierarchy import Source
from chalicelib.ports.source import Revision, SourceHost
from tests.contracts.repositories import Repository
from tests.contracts.test_source import PROCFILE, refused
from tests.machine import git


@pytest.fixture
def source(home: Path) -> SourceHost:
    return EmbeddedSource(home, local_repositories=True)


def test_a_repository_that_is_not_there_is_named(source: SourceHost, tmp_path: Path) -> None:
    problem = refused(source, str(tmp_path / "nowhere"))
    assert problem.code == "repository_not_found"
    assert str(tmp_path / "nowhere") in problem.message


def test_a_repository_of_another_object_format_is_told_from_an_empty_one(source: SourceHost, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256", "long")
    git(tmp_path / "long", "commit", "-q", "--allow-empty", "-m", "A change")
    problem = refused(source, str(tmp_path / "long"))
    assert (problem.code, "SHA-256" in problem.message) == ("repository_unsafe", True)
    assert "--object-format=sha1" in problem.hint


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
