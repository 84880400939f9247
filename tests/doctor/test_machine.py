"""This machine: the home, the disk, git, and the ports."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chalicelib.doctor.findings import Finding, Verdict
from chalicelib.doctor.machine import (
    judge_free,
    judge_python,
    look_at_api,
    look_at_git,
    look_at_home,
    look_at_router,
)
from chalicelib.settings import Settings, read_settings
from tests.contracts.scripted import Told, scripted


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening.getsockname()[1]


def settings(home: Path, **ports: int) -> Settings:
    return read_settings({"ANCLA_HOME": str(home), **{f"ANCLA_{name.upper()}": str(port) for name, port in ports.items()}})


def of_home(home: Path) -> dict[str, Finding]:
    return {finding.check: finding for finding in look_at_home(home)}


def test_a_home_that_is_its_owners_alone_is_well(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    assert {finding.verdict for finding in of_home(home).values() if finding.check != "disk"} == {Verdict.OK}
    assert list(home.iterdir()) == []


def test_a_home_that_others_can_look_into_is_warned_of(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    assert of_home(home)["home's mode"].verdict is Verdict.WARNING


def test_a_file_in_its_place_is_no_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("")
    assert of_home(home)["home"].verdict is Verdict.FAILED
    assert of_home(home / "below")["home"].verdict is Verdict.FAILED


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    found = of_home(Path("/proc"))["home"]
    assert found.verdict is Verdict.FAILED and "ANCLA_HOME" in found.hint


@pytest.mark.parametrize(("free", "verdict"), [(10**11, Verdict.OK), (10**9, Verdict.WARNING), (10**8, Verdict.FAILED)])
def test_little_space_is_warned_of_and_none_is_a_failure(free: int, verdict: Verdict) -> None:
    assert judge_free(free, Path("/home")).verdict is verdict


@pytest.mark.parametrize(("version", "verdict"), [((3, 10), Verdict.FAILED), ((3, 11), Verdict.OK), ((3, 14), Verdict.OK)])
def test_an_old_python_is_a_failure(version: tuple[int, int], verdict: Verdict) -> None:
    assert judge_python(version, "").verdict is verdict


def test_git_is_run_and_where_it_is_not_that_is_said(tmp_path: Path) -> None:
    assert look_at_git().seen.startswith("git version ")
    assert look_at_git("no-such-git").verdict is Verdict.FAILED
    broken = tmp_path / "git"
    broken.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    broken.chmod(0o755)
    found = look_at_git(str(broken))
    assert found.verdict is Verdict.FAILED and "broken" in found.seen


def test_a_port_that_somebody_else_has_is_named(tmp_path: Path, taken: int) -> None:
    for found, setting in (
        (look_at_api(settings(tmp_path, port=taken)), "ANCLA_PORT"),
        (look_at_router(settings(tmp_path, router_port=taken)), "ANCLA_ROUTER_PORT"),
    ):
        assert found.verdict is Verdict.FAILED
        assert f"127.0.0.1:{taken}" in found.seen and setting in found.hint


def test_a_server_of_this_home_may_have_the_port(tmp_path: Path) -> None:
    with scripted(lambda asked: Told(200, '{"status": "ok"}')) as server, (tmp_path / "local.lock").open("w") as lock:
        chosen = settings(tmp_path, port=int(server.address.partition(":")[2]))
        assert look_at_api(chosen).verdict is Verdict.FAILED, "it is not this home's: nobody holds its lock"
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert look_at_api(chosen).verdict is Verdict.OK
        server.answer = lambda asked: Told(500)
        assert look_at_api(chosen).verdict is Verdict.FAILED


def test_a_server_that_does_not_answer_where_the_settings_say_is_found_out(tmp_path: Path, taken: int) -> None:
    with (tmp_path / "local.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        found = look_at_api(settings(tmp_path, port=port))
    assert found.verdict is Verdict.FAILED and "a server runs" in found.seen


def test_a_lock_that_is_looked_at_is_free_afterwards(tmp_path: Path) -> None:
    lock = tmp_path / "local.lock"
    lock.touch()
    look_at_api(settings(tmp_path))
    with lock.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert os.fstat(handle.fileno()).st_size == 0
