"""Clusters for the contract, and what a test needs to see of one from outside."""

from __future__ import annotations

import http.client
import os
import re
import signal
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.embedded.cluster import EmbeddedCluster
from chalicelib.adapters.embedded.node.control import ensure_node, node_pid, stop_node
from chalicelib.domain.fences import Anchor, Phase
from chalicelib.ports.cluster import Cluster, Manifest, ProcessStatus
from chalicelib.settings import Settings, read_settings
from tests.contracts.cluster_samples import HOST, NAMESPACE, SERVER, SERVICE_ID, WEB, anchor, fence, shared, web_set
from tests.machine import free_port

NODE = (sys.executable, "-m", "tests.contracts.cluster_node")


class World(ABC):
    """A cluster, and what a test needs to see of it from outside."""

    cluster: Cluster
    patience: float = 8
    """Seconds in which what has to happen does."""
    beat: float = 1
    """Seconds between two things that must be seen one after the other."""

    @abstractmethod
    def adapted(self, manifest: Manifest) -> Manifest:
        """The sample as this cluster takes it: with an image that it has."""

    @abstractmethod
    def processes(self) -> Sequence[object]:
        """Those that run of the sample service."""

    @abstractmethod
    def address(self) -> tuple[str, int]:
        """Where requests for services are sent."""

    @abstractmethod
    def clear(self) -> None:
        """Takes down all that a test left."""

    def apply(self, manifests: Sequence[Manifest], turn: int, phase: Phase = Phase.ROLL_OUT) -> Anchor:
        owner = self.cluster.ensure_anchor(anchor(turn, phase), fence(turn, phase))
        self.cluster.apply([self.adapted(manifest) for manifest in manifests], owner=owner, fence=fence(turn, phase))
        return owner

    def watch(self, name: str = WEB, *, seconds: float | None = None) -> ProcessStatus:
        """One look of so many seconds; None: looks until it is settled or has failed."""
        if seconds is not None:
            return self.cluster.watch(NAMESPACE, [name], seconds=seconds)[0]
        deadline = time.monotonic() + self.patience
        while True:
            status = self.cluster.watch(NAMESPACE, [name], seconds=8)[0]
            if status.settled or status.failure or time.monotonic() > deadline:
                return status

    def roll_out(self, turn: int, **options: Any) -> Anchor:
        """Applies a web process and waits until it is settled."""
        owner = self.apply(web_set(**options), turn)
        status = self.watch()
        assert status.settled, status
        return owner

    def start_gated(self, manifest: Manifest, owner: Anchor, turn: int) -> str:
        return self.cluster.start_gated_pod(self.adapted(manifest), owner=owner, fence=fence(turn))

    def get(self, path: str = "/", *, host: str = HOST, timeout: float = 10) -> tuple[int, str]:
        status, body, _ = self.request("GET", path, host=host, timeout=timeout)
        return status, body

    def request(
        self, method: str, path: str, *, host: str = HOST, body: bytes | None = None, timeout: float = 10
    ) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection(*self.address(), timeout=timeout)
        try:
            connection.request(method, path, body=body, headers={"Host": host})
            response = connection.getresponse()
            return response.status, response.read().decode(), dict(response.getheaders())
        finally:
            connection.close()

    def served_by(self) -> str:
        """The process that answers."""
        # A router learns of the first process a moment after it is ready.
        eventually(lambda: self.get()[0] == 200, within=self.patience)
        status, body = self.get()
        found = re.fullmatch(r"version \S+ on (\S+)", body)
        assert status == 200 and found, (status, body)
        return found[1]

    def version(self) -> str:
        return self.get()[1].split(" ")[1]

    def kill_process(self) -> None:
        """Ends the process that answers, from inside."""
        with suppress(OSError, http.client.HTTPException):
            self.get("/die")


class EmbeddedWorld(World):
    def __init__(self, home: Path) -> None:
        self.settings = read_settings({"ANCLA_HOME": str(home), "ANCLA_ROUTER_PORT": str(free_port())})
        self.cluster = EmbeddedCluster(home, SystemClock())
        self.home = home
        (home / "image").mkdir(parents=True)
        (home / "image" / "server.py").write_text(SERVER)

    def adapted(self, manifest: Manifest) -> Manifest:
        return manifest

    def processes(self) -> list[int]:
        return user_processes(self.home)

    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.settings.router_port

    def ensure_node(self, settings: Settings | None = None) -> None:
        ensure_node(settings or self.settings, command=NODE)

    def kill_node(self) -> None:
        pid = node_pid(self.home)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: node_pid(self.home) is None)

    def stop_node(self) -> None:
        stop_node(self.home)

    def process_id(self) -> int:
        """The process that answers, as this machine numbers it."""
        return int(self.served_by().rpartition("/")[2])

    def clear(self) -> None:
        for one in self.cluster.list_anchors(NAMESPACE, SERVICE_ID):
            self.cluster.delete_anchor(one)
        eventually(lambda: not self.cluster.list_objects(NAMESPACE, SERVICE_ID) and not list((self.home / "pods").glob("*")))


class Load:
    """Clients that ask without a pause; `failures` holds every answer but 200 and 201, and every broken connection."""

    def __init__(self, world: World) -> None:
        self.answers = 0
        self.failures: list[str] = []
        self.versions: set[str] = set()
        self._world = world
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        aims = [self._get, self._post, self._post_slowly, self._post_slowly]
        threads = [threading.Thread(target=self._repeat, args=(aim,)) for aim in aims]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _repeat(self, ask: Callable[[], int]) -> None:
        while not self._over.is_set():
            try:
                status = ask()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
            else:
                self.answers += 1
                if status not in {200, 201}:
                    self.failures.append(str(status))
            time.sleep(0.003)

    def _get(self) -> int:
        status, body = self._world.get()
        self.versions.add(body.split(" ")[1] if status == 200 else "")
        return status

    def _post_slowly(self) -> int:
        # Not idempotent: whoever breaks it off loses it.
        return self._world.request("POST", "/slow", body=b"x")[0]

    def _post(self) -> int:
        return self._world.request("POST", "/", body=b"x" * 100_000)[0]


def started(home: Path) -> EmbeddedWorld:
    world = EmbeddedWorld(home)
    world.cluster.ensure_shared(shared(), version=1)
    world.ensure_node()
    return world


def user_processes(home: Path) -> list[int]:
    """The processes that run in a pod's copy of the home's image."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdecimal() and Path(os.readlink(f"/proc/{entry}/cwd")).match(f"{home}/pods/*/files"):
                found.append(int(entry))
        except OSError:
            continue
    return found


def eventually(holds: Callable[[], object], within: float = 10) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + within, "it did not come true in time"
        time.sleep(max(0.02, (time.monotonic() - began) / 20))
