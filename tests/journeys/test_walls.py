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

from tests.journeys.ground import embedded_only
from tests.journeys.harness import Ancla
from tests.journeys.repository import BRANCH, Repository

pytestmark = [pytest.mark.journey, embedded_only]

SERVICE = "acme/shop/staging/web"


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
    assert {"state.db", "queue.db", "cluster.db", "catalog.db", "node.log", "vault", "logs", "git", "pods"} <= names
    assert [path for path in _seen_by_others(ancla.home) if path.name != "node.sock"] == []


def test_a_copy_of_somebody_elses_repository_is_nobodys_to_deploy(ancla: Ancla) -> None:
    copy = next(path for path in (ancla.home / "git").iterdir() if path.suffix == ".git")
    services = "/workspaces/acme/projects/shop/envs/staging/services"
    ancla.api("POST", services, {"name": "thief", "repository": str(copy), "branch": BRANCH})
    run = ancla.ended(f"{services}/thief", ancla.deploy(f"{services}/thief"))
    assert (run["outcome"], run["failure"]["code"]) == ("failed", "repository_unsafe")


def test_callers_that_send_half_a_request_keep_nobody_out(ancla: Ancla) -> None:
    with ExitStack() as open_ones:
        for port in (ancla.port, ancla.router_port):
            for _ in range(150):
                caller = open_ones.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
                caller.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert httpx.get(f"{ancla.url}/api/v1/integrations/health", timeout=5, trust_env=False).status_code == 200
        assert ancla.answer("/workspaces/acme/projects/shop/envs/staging/services/web")["version"] == "1"


def _seen_by_others(folder: Path) -> Iterator[Path]:
    """The files that another user can read, and the folders that such a user can list, below a folder that is open."""
    for path in folder.iterdir():
        mode = os.lstat(path).st_mode
        if not stat.S_ISLNK(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield path
            if stat.S_ISDIR(mode):
                yield from _seen_by_others(path)
