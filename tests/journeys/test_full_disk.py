"""A disk that fills up under a running Ancla: it says so, what runs keeps running, and with space again all goes on by itself.

The disk is a small file system of its own where this user may mount one (root, or whoever may make user namespaces); everywhere, a
limit on the size of files that is set on the running server stands in for it: other errors come of it, in the same places.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path

import pytest

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.embedded.queue import SqliteQueue
from chalicelib.ports.queue import Work
from tests.journeys.harness import Ancla, SteadyLoad
from tests.journeys.repository import Repository
from tests.journeys.waiting import wait_for

pytestmark = pytest.mark.journey

MOUNTING = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--mount")
_MOUNT = 'mount -t tmpfs -o size=40m tmpfs "$ANCLA_HOME"'


class FullDisk(Ancla, ABC):
    """An Ancla whose disk can be filled, and freed again."""

    @abstractmethod
    def fill(self) -> None: ...

    @abstractmethod
    def free(self) -> None: ...


class Limited(FullDisk):
    """No file that the server writes may grow, or even be written, while it is full."""

    def fill(self) -> None:
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def free(self) -> None:
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class OnSmallDisk(FullDisk):
    """Its home is a small file system that nobody else sees."""

    def command(self) -> list[str]:
        self.home.mkdir(exist_ok=True)
        return [*MOUNTING, "sh", "-c", f'{_MOUNT} && exec "$@"', "sh", *super().command()]

    @property
    def inside(self) -> Path:
        return Path(f"/proc/{self.pid}/root{self.home}")

    def fill(self) -> None:
        with (self.inside / "filling").open("wb", buffering=0) as file:
            for size in (64 * 1024, 1):
                _write_until_full(file.fileno(), bytes(size))

    def free(self) -> None:
        (self.inside / "filling").unlink()


def may_mount(folder: str) -> bool:
    command = [*MOUNTING, "sh", "-c", _MOUNT]
    try:
        return subprocess.run(command, env={**os.environ, "ANCLA_HOME": folder}, capture_output=True, timeout=10).returncode == 0
    except FileNotFoundError:
        return False


DISKS: list[type[FullDisk]] = [Limited, *([OnSmallDisk] if may_mount("/tmp") else [])]


@pytest.mark.parametrize("disk", DISKS)
def test_a_full_disk_is_named_stops_no_service_and_when_there_is_space_again_all_goes_on(tmp_path: Path, disk: type[FullDisk]) -> None:
    repository = Repository(tmp_path / "repository")
    repository.commit_version("1")
    with disk(tmp_path) as ancla:
        path = ancla.make_service("acme/shop/staging/api", repository)
        assert ancla.ended(path, ancla.deploy(path))["outcome"] == "succeeded"
        repository.commit_version("2")
        with SteadyLoad(ancla.place(path)) as load:
            send_to_every_queue(ancla, delay=0.5)
            under_way = ancla.deploy(path)
            ancla.fill()
            refused = ancla.ask("POST", f"{path}/config", {"name": "GREETING", "value": "x" * 8000})
            assert refused.status_code == 503
            problem = refused.json()
            assert problem["code"] in {"storage_full", "storage_failed"}
            assert str(ancla.home) in problem["message"]
            assert problem["hint"]
            assert ancla.answer(path)["version"] in {"1", "2"}
            time.sleep(1)  # until the messages in the queues are due
            ancla.free()
            assert ancla.ended(path, under_way)["outcome"] == "succeeded"
            assert ancla.api("POST", f"{path}/config", {"name": "GREETING", "value": "x" * 8000})["name"] == "GREETING"
            wait_for(lambda: ancla.answer(path)["version"] == "2", what="the deploy that was under way to be live")
        assert load.failures == []
        ancla.stop()


def send_to_every_queue(ancla: Ancla, *, delay: float) -> None:
    """Messages that speak of nothing, so that each queue has one to hand out while its file cannot be written."""
    with closing(SqliteQueue(ancla.inside / "queue.db", SystemClock())) as queue:
        for work in Work:
            queue.send(work, {"run": "nobody/1", "version": 1}, delay=delay)


def _write_until_full(descriptor: int, data: bytes) -> None:
    try:
        while True:
            os.write(descriptor, data)
    except OSError:
        return
