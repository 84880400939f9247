"""What lies in Ancla's home is closed: to the machine's other users, and to who names it as a repository."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.journeys.ground import GROUND
from tests.journeys.harness import Ancla
from tests.journeys.repository import BRANCH, Repository

pytestmark = pytest.mark.journey

SERVICE = "acme/shop/staging/web"
SERVICES = "/workspaces/acme/projects/shop/envs/staging/services"
RECORDS = {"state.db", "queue.db", "admin.key", "logs"}
EMBEDDED = {"cluster.db", "catalog.db", "node.log", "vault", "git", "pods"}
"""What the embedded engines keep beside the records."""


@pytest.fixture(scope="module")
def ancla(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ancla]:
    """With one service that runs, in a home that somebody made in the usual way before, open to all."""
    folder = tmp_path_factory.mktemp("walls")
    (folder / "home").mkdir()
    (folder / "home").chmod(0o755)
    with Ancla(folder) as ancla:
        repository = Repository(folder / "repository")
        repository.commit_version("1")
        path = ancla.make_service(SERVICE, repository)
        ancla.api("POST", f"{path}/config", {"name": "TOKEN", "value": "x", "secret": True})
        assert ancla.ended(path, ancla.deploy(path))["outcome"] == "succeeded"
        yield ancla


def test_no_other_user_of_the_machine_can_read_what_lies_in_the_home(ancla: Ancla) -> None:
    names = {path.name for path in ancla.home.iterdir()}
    assert (RECORDS if GROUND.real else RECORDS | EMBEDDED) <= names
    assert [path for path in _seen_by_others(ancla.home) if path.name != "node.sock"] == []


@pytest.mark.skipif(GROUND.real, reason="no copies are kept there, and no paths are taken: see the next test")
def test_a_copy_of_somebody_elses_repository_is_nobodys_to_deploy(ancla: Ancla) -> None:
    copy = next(path for path in (ancla.home / "git").iterdir() if path.suffix == ".git")
    ancla.api("POST", SERVICES, {"name": "thief", "repository": str(copy), "branch": BRANCH})
    run = ancla.ended(f"{SERVICES}/thief", ancla.deploy(f"{SERVICES}/thief"))
    assert (run["outcome"], run["failure"]["code"]) == ("failed", "repository_unsafe")


@pytest.mark.skipif(not GROUND.real, reason="the embedded engines take repositories from paths of this machine: see the test before")
def test_no_path_of_the_machine_is_taken_for_a_repository(ancla: Ancla, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.commit_version("1")
    for place in (str(repository.folder), f"file://{repository.folder}", str(ancla.home)):
        answer = ancla.ask("POST", SERVICES, {"name": "thief", "repository": place, "branch": BRANCH})
        assert (answer.status_code, answer.json()["code"]) == (422, "repository_invalid"), place


def test_callers_that_send_half_a_request_keep_nobody_out(ancla: Ancla) -> None:
    ours = [(GROUND.host, ancla.port)]
    if not GROUND.real:  # there an ingress controller is the router, and answers for itself
        ours.append((ancla.router, ancla.router_port))
    with ExitStack() as open_ones:
        for door in ours:
            for _ in range(150):
                caller = open_ones.enter_context(socket.create_connection(door, timeout=5))
                caller.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert httpx.get(f"{ancla.url}/api/v1/integrations/health", timeout=5, trust_env=False).status_code == 200
        assert ancla.answer(f"{SERVICES}/web")["version"] == "1"


def _seen_by_others(folder: Path) -> Iterator[Path]:
    """The files that another user can read, and the folders that such a user can list, below a folder that is open."""
    for path in folder.iterdir():
        mode = os.lstat(path).st_mode
        if not stat.S_ISLNK(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield path
            if stat.S_ISDIR(mode):
                yield from _seen_by_others(path)
