"""A whole Ancla in processes of its own, which a story may ask, kill and start again; and what a story needs beside it.

It ends only processes that belong to its own home: it knows them by the home's path in their command, folder or environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from chalicelib.adapters.embedded.node.control import node_pid
from tests.demo.deliveries import deliver, push_delivery
from tests.demo.visitors import Place, SteadyClient
from tests.journeys.ground import GROUND
from tests.journeys.processes import kill_processes_of, processes_of
from tests.journeys.repository import BRANCH, Repository
from tests.journeys.waiting import wait_for
from tests.machine import free_ports

ROOT = Path(__file__).parents[2]
START_WITHIN = 30.0
END_WITHIN = 25.0
RUN_WITHIN = 150.0 if GROUND.real else 60.0
"""Seconds for a run, with a few others beside it: real engines build an image for it, and start pods."""
PAUSE = 0.05 if GROUND.real else 0.02
"""Seconds between two requests of a steady load. Each of them costs a real cluster, its node and its ingress beside it, some more."""
WEBHOOK_SECRET = "a-secret-of-the-tests"
WORKSPACES = ("acme",)
"""In which stories deploy."""


class Ancla:
    """`local.py` with a home and ports of its own. `with Ancla(tmp_path) as ancla:` starts it, and ends all of it."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.home = folder / "home"
        own, router_port = free_ports(2)
        self.port = GROUND.port or own
        self.router, self.router_port = GROUND.router or ("127.0.0.1", router_port)
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANCLA_")},
            **GROUND.settings,
            "ANCLA_HOME": str(self.home),
            "ANCLA_HOST": GROUND.host,
            "ANCLA_PORT": str(self.port),
            "ANCLA_ROUTER_PORT": str(self.router_port),
            "ANCLA_WEBHOOK_SECRET": WEBHOOK_SECRET,
            **(environ or {}),
        }
        self.log = folder / "local.log"
        self._client = httpx.Client(base_url=self.url, timeout=20, trust_env=False)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{GROUND.host}:{self.port}"

    @property
    def key(self) -> str:
        """The admin's API key."""
        return (self.inside / "admin.key").read_text().strip()

    @property
    def inside(self) -> Path:
        """Where this process finds what Ancla sees as its home."""
        return self.home

    @property
    def pid(self) -> int:
        """The process of `local.py`; 0 when none was started."""
        return self._process.pid if self._process else 0

    def command(self) -> list[str]:
        return [sys.executable, "local.py"]

    def __enter__(self) -> Self:
        GROUND.clear(WORKSPACES)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self.end_all()
        GROUND.clear(WORKSPACES)

    def start(self) -> None:
        """Starts `local.py`, and returns when it serves."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command(), cwd=ROOT, env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        process = self._process

        def serves() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"local.py ended with {process.returncode}:\n{self.log.read_text()[-2000:]}")
            return (self.inside / "admin.key").exists() and self._answers()

        wait_for(serves, seconds=START_WITHIN, what="Ancla to serve")

    def kill(self) -> None:
        """kill -9 of `local.py` alone: the node and the services stay."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(END_WITHIN)
            self._process = None

    def kill_all(self) -> None:
        """kill -9 of `local.py` and of the node: the services stay, without a supervisor and a router."""
        self.kill()
        if node_pid(self.home) is not None:
            self.kill_node()

    def kill_node(self) -> None:
        """kill -9 of the node alone."""
        node = node_pid(self.home)
        assert node is not None, "no node runs"
        os.kill(node, signal.SIGKILL)
        wait_for(lambda: node_pid(self.home) != node, seconds=END_WITHIN, what="the node to be dead")

    def cut_power(self) -> None:
        """kill -9 of all processes of this Ancla, the services too: what a power cut leaves."""
        self.kill_all()
        kill_processes_of(self.home)

    def stop(self) -> None:
        """SIGTERM, as a service manager sends it; asserts that nothing of this Ancla is left."""
        assert self._process is not None, "it does not run"
        self._process.terminate()
        assert self._process.wait(END_WITHIN) == 0
        self._process = None
        left = processes_of(self.home)
        assert not left, f"left after SIGTERM: {left}"

    def end_all(self) -> None:
        """Ends what is left of this Ancla, in whatever state a story leaves it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(END_WITHIN)
            except subprocess.TimeoutExpired:
                self.kill()
        kill_processes_of(self.home)

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One request below /api/v1, as the admin unless another key is given (empty: none), whatever the answer is."""
        known = self.key if key is None else key
        sent = {**({"X-API-Key": known} if known else {}), **(headers or {})}
        return self._client.request(method, f"/api/v1{path}", json=body, headers=sent)

    def api(self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Any:
        """What a request of the admin's is answered with; asserts that it is a good answer."""
        answer = self.ask(method, path, body, headers=headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def make_service(self, address: str, repository: Repository, **fields: Any) -> str:
        """Makes the service at `workspace/project/environment/service`, and what is missing above it; returns its path in the API."""
        workspace, project, environment, service = address.split("/")
        path = ""
        for noun, slug in (("workspaces", workspace), ("projects", project), ("envs", environment)):
            if self.ask("GET", f"{path}/{noun}/{slug}").status_code == 404:
                self.api("POST", f"{path}/{noun}", {"name": slug})
            path += f"/{noun}/{slug}"
        wanted = {"name": service, "repository": repository.location, "branch": BRANCH, "auto_deploy_branch": BRANCH, **fields}
        self.api("POST", f"{path}/services", wanted)
        return f"{path}/services/{service}"

    def deploy(self, path: str, body: Any = None) -> int:
        """Asks for a deploy, and returns the number of its run."""
        return int(self.api("POST", f"{path}/deploy", body)["run"])

    def run(self, path: str, number: int) -> dict[str, Any]:
        shown: dict[str, Any] = self.api("GET", f"{path}/runs/{number}")
        return shown

    def ended(self, path: str, number: int, *, seconds: float = RUN_WITHIN) -> dict[str, Any]:
        """The run once it has an outcome."""

        def ended() -> dict[str, Any] | None:
            shown = self.run(path, number)
            return shown if shown["outcome"] else None

        return wait_for(ended, seconds=seconds, what=f"run {number} of {path} to end")

    def place(self, path: str) -> Place:
        """Where the service is reached."""
        host = self.api("GET", path)["url"].split("://")[1].split(":")[0]
        return Place(host, self.router_port, self.router)

    def answer(self, path: str) -> dict[str, Any]:
        """What the service itself answers."""
        return self.place(path).ask_once()

    def serves(self, path: str) -> bool:
        """Whether the service gives a good answer now."""
        with httpx.Client(timeout=5, trust_env=False) as client:
            try:
                return self.place(path).ask(client).is_success
            except httpx.TransportError:
                return False

    def wait_until_serving(self, path: str, *, seconds: float = 20) -> None:
        """Until the service gives good answers (again)."""
        wait_for(lambda: self.serves(path), seconds=seconds, what=f"{path} to serve")

    def push(self, repository: Repository, before: str, after: str) -> None:
        """Tells Ancla of a push, signed as GitHub's webhook does it."""
        delivery = push_delivery(repository=repository.location, branch=BRANCH, before=before, after=after, secret=WEBHOOK_SECRET)
        assert deliver(self.url, delivery) == 201

    def _answers(self) -> bool:
        try:
            return self._client.get("/api/v1/integrations/health").is_success
        except httpx.TransportError:
            return False


class SteadyLoad:
    """`with SteadyLoad(place) as load:` asks the service all along; afterwards `load.client.failures` says what failed."""

    def __init__(self, place: Place) -> None:
        self.client = SteadyClient(place, pause=PAUSE)

    def __enter__(self) -> SteadyClient:
        self.client.start()
        return self.client

    def __exit__(self, *_: object) -> None:
        self.client.stop()


def assert_seen_in_order(seen: list[str], wanted: list[str]) -> None:
    """In a rolling update of a real cluster the old version and the new one answer side by side, until the new one alone does."""
    if not GROUND.real:
        assert seen == wanted
        return
    rest = iter(seen)
    assert all(version in rest for version in wanted), seen
    assert (set(seen), seen[0], seen[-1]) == (set(wanted), wanted[0], wanted[-1])
