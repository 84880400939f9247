"""What Ancla says where it cannot begin or cannot write: which thing, what is wrong with it, what to do next; and it leaves nothing."""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.journeys.ground import GROUND
from tests.journeys.harness import ROOT, Ancla
from tests.journeys.processes import processes_of
from tests.journeys.repository import Repository
from tests.machine import free_ports

pytestmark = pytest.mark.journey

_DROP_FROM_BOUNDING_SET, _DAC_OVERRIDE = 24, 1
"""prctl's PR_CAPBSET_DROP, and the capability by which root writes into read-only folders."""


@dataclass(frozen=True)
class Ended:
    code: int
    said: str


def start(home: Path, environ: Mapping[str, str] | None = None, before: Callable[[], None] | None = None) -> Ended:
    """Starts `local.py` where it cannot begin; how it ended, and what it said."""
    port, router_port = free_ports(2)
    own = {"ANCLA_HOME": str(home), "ANCLA_HOST": GROUND.host, "ANCLA_PORT": str(port), "ANCLA_ROUTER_PORT": str(router_port)}
    settings = {**GROUND.settings, **own, **(environ or {})}
    done = subprocess.run(
        [sys.executable, "local.py"],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        preexec_fn=before,
    )
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return Ended(done.returncode, done.stderr)


def as_anybody() -> None:
    """From now on permissions hold, for root too."""
    ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDING_SET, _DAC_OVERRIDE, 0, 0, 0)


def test_a_read_only_home_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    ended = start(home, before=as_anybody)
    assert ended.code == 1
    assert str(home) in ended.said and "let the user that runs Ancla read and write it, and make files beside it" in ended.said
    assert processes_of(home) == {}


def test_a_home_that_may_not_be_made_is_named(tmp_path: Path) -> None:
    tmp_path.joinpath("closed").mkdir(mode=0o555)
    home = tmp_path / "closed/home"
    ended = start(home, before=as_anybody)
    assert ended.code == 1
    assert str(home) in ended.said and "let the user that runs Ancla read and write it" in ended.said


def test_a_file_in_the_place_of_the_home_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("not a folder")
    assert start(home) == Ended(1, f"ancla: {home} cannot be made: a file is in its place\n  set ANCLA_HOME to a folder\n")


def test_a_home_in_which_no_file_may_grow_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ended = start(home, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    assert ended.code == 1
    assert str(home) in ended.said and "disk" in ended.said
    assert processes_of(home) == {}


def test_a_second_server_on_the_same_home_is_refused_and_the_first_serves_on(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.commit_version("1")
    with Ancla(tmp_path) as first:
        path = first.make_service("acme/shop/staging/api", repository)
        assert first.ended(path, first.deploy(path))["outcome"] == "succeeded"
        ended = start(first.home)
        assert ended.code == 1
        assert ended.said == f"ancla: another Ancla serves from {first.home}\n  stop it, or set ANCLA_HOME to another folder\n"
        assert first.answer(path) == {"version": "1"}
        first.stop()


@pytest.mark.parametrize("setting", ["ANCLA_PORT"] if GROUND.real else ["ANCLA_PORT", "ANCLA_ROUTER_PORT"])
def test_a_taken_port_is_named_with_the_setting_that_changes_it_and_nothing_is_left(tmp_path: Path, setting: str) -> None:
    home = tmp_path / "home"
    with socket.create_server((GROUND.host, 0)) as taken:
        port = taken.getsockname()[1]
        ended = start(home, {setting: str(port)})
    assert ended.code == 1
    assert f"port {port}" in ended.said and setting in ended.said
    assert processes_of(home) == {}


def test_a_setting_that_is_no_port_is_named(tmp_path: Path) -> None:
    ended = start(tmp_path / "home", {"ANCLA_PORT": "http"})
    assert ended == Ended(1, "ancla: ANCLA_PORT='http' is not a port\n  use a number from 1 to 65535\n")
