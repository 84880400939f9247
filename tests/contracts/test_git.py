"""The one way to call git: what it keeps out, and what git's words are taken for."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.disk import locked, remove_tree, storage, write_once, write_whole
from chalicelib.adapters.embedded.git import Git, GitFailed, GitTimedOut
from chalicelib.adapters.embedded.git_problems import RepositoryProblem, raise_for
from chalicelib.adapters.embedded.repositories import Deadline, Repositories
from chalicelib.domain.errors import Unavailable
from tests.contracts.repositories import Repository, server_that_hangs

HERE = Path("/srv/ancla")


@pytest.fixture
def git(tmp_path: Path) -> Git:
    git = Git(tmp_path / "git", True)
    git.prepare()
    return git


def script(folder: Path, *lines: str) -> str:
    """A program that stands in for git."""
    path = folder / "program"
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return str(path)


def test_git_gets_nothing_of_the_callers_environment(tmp_path: Path) -> None:
    git = Git(tmp_path, True, program=script(tmp_path, "env"))
    git.prepare()
    names = {line.partition("=")[0] for line in git.run("x", seconds=5, limit=10_000).decode().splitlines()}
    assert names & set(os.environ) <= {"PATH", "HOME", "PWD", "LC_ALL", "_", "SHLVL", "OLDPWD"}
    assert {"GIT_TERMINAL_PROMPT", "GIT_CONFIG_NOSYSTEM", "GIT_ASKPASS", "GIT_SSH_COMMAND"} <= names


@pytest.mark.parametrize("transport", ["ext::sh -c id", "fd::17", "ftp://127.0.0.1/x"])
def test_git_itself_refuses_other_transports(git: Git, transport: str) -> None:
    with pytest.raises(GitFailed, match="not allowed"):
        git.run("ls-remote", "--", transport, seconds=5, limit=1000)


def test_git_itself_refuses_paths_where_they_are_not_allowed(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    git = Git(tmp_path / "git", False)
    git.prepare()
    with pytest.raises(GitFailed, match="transport 'file' not allowed"):
        git.run("ls-remote", "--", str(repository.path), seconds=5, limit=1000)


def test_output_is_cut_off_and_git_ended(tmp_path: Path) -> None:
    git = Git(tmp_path, True, program=script(tmp_path, "exec yes"))
    git.prepare()
    assert git.run("x", seconds=5, limit=10) == b"y\ny\ny\ny\ny\n"


def test_git_and_what_it_started_are_ended_when_time_is_up(tmp_path: Path) -> None:
    git = Git(tmp_path, True, program=script(tmp_path, f"sleep 60 & echo $! > {tmp_path}/child", "wait"))
    git.prepare()
    began = time.monotonic()
    with pytest.raises(GitTimedOut):
        git.run("x", seconds=0.2, limit=10)
    assert time.monotonic() - began < 2
    child = int((tmp_path / "child").read_text())
    assert not Path(f"/proc/{child}/exe").exists()


def test_a_helper_that_left_gits_group_is_not_waited_for(tmp_path: Path) -> None:
    git = Git(tmp_path, True, program=script(tmp_path, "setsid sleep 3 >/dev/null &", "echo no >&2", "exit 3"))
    git.prepare()
    began = time.monotonic()
    with pytest.raises(GitFailed, match="git ended with 3: no"):
        git.run("x", seconds=5, limit=10)
    assert time.monotonic() - began < 2.5


def test_a_server_that_sends_without_end_does_not_fill_the_disk(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    commit = repository.commit({"large": os.urandom(300_000)})
    repositories = Repositories(tmp_path / "home", local_files=True)
    repositories.git = Git(tmp_path / "home/git", True, max_file=100_000)
    with pytest.raises(RepositoryProblem, match="sends more than is taken"):
        repositories.fetched(str(repository.path), commit, Deadline.within(5))


def test_waiting_for_a_lock_counts_as_time(tmp_path: Path) -> None:
    with server_that_hangs() as location, pytest.raises(Unavailable):
        Repositories(tmp_path, local_files=True).fetched(location, "0" * 40, Deadline.within(0.1))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", "repository_needs_credentials"),
        ("remote: Invalid username\nfatal: Authentication failed for 'https://x/'", "repository_needs_credentials"),
        ("git@github.com: Permission denied (publickey).\nfatal: Could not read from remote", "repository_needs_credentials"),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403", "repository_needs_credentials"),
        ("fatal: repository 'https://x/' not found", "repository_not_found"),
        ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", "repository_not_found"),
        ("fatal: '/x' does not appear to be a git repository", "repository_not_found"),
        ("fatal: couldn't find remote ref refs/heads/x", "ref_not_found"),
        ("fatal: remote error: upload-pack: not our ref 0000", "ref_not_found"),
        ("error: Server does not allow request for unadvertised object 0000", "ref_not_found"),
        ("fatal: transport 'ext' not allowed", "repository_unsafe"),
        ("error: object 12: hasDotgit: contains '.git'\nfatal: fsck error in packed object", "repository_unsafe"),
    ],
)
def test_what_a_user_can_mend_is_told_by_its_code(text: str, code: str) -> None:
    with pytest.raises(RepositoryProblem) as caught:
        raise_for(GitFailed(128, text), "https://example.com/a", HERE)
    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("fatal: unable to access 'https://x/': Could not resolve host: x", "source_unavailable"),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 502", "source_unavailable"),
        ("fatal: the remote end hung up unexpectedly", "source_unavailable"),
        ("", "source_unavailable"),
        ("fatal: write error: No space left on device", "storage_full"),
        ("fatal: cannot create directory: Read-only file system", "storage_read_only"),
    ],
)
def test_what_may_pass_is_unavailable(text: str, code: str) -> None:
    with pytest.raises(Unavailable) as caught:
        raise_for(GitFailed(128, text), "https://example.com/a", HERE)
    assert caught.value.code == code
    assert caught.value.hint


def test_a_full_disk_is_said_to_be_full() -> None:
    with pytest.raises(Unavailable, match="/srv/ancla is full") as caught, storage(HERE), open("/dev/full", "wb", buffering=0) as full:
        full.write(b"x")
    assert caught.value.code == "storage_full"


def test_other_errors_of_the_disk_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), storage(HERE):
        (tmp_path / "missing").read_bytes()


def test_what_is_written_once_stays(tmp_path: Path) -> None:
    assert write_once(tmp_path / "a", b"first")
    assert not write_once(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    write_whole(tmp_path / "a", b"third")
    assert (tmp_path / "a").read_bytes() == b"third"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_held_lock_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    with locked(tmp_path / "lock", seconds=1):
        with pytest.raises(Unavailable, match="lock is in use"), locked(tmp_path / "lock", seconds=0.05):
            raise AssertionError("two hold one lock")
    with locked(tmp_path / "lock", seconds=0):
        assert (tmp_path / "lock").exists()


def test_a_read_only_tree_can_be_removed(tmp_path: Path) -> None:
    (tmp_path / "tree/inner").mkdir(parents=True)
    (tmp_path / "tree/inner/file").touch()
    (tmp_path / "tree/inner").chmod(0o555)
    remove_tree(tmp_path / "tree")
    remove_tree(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []
