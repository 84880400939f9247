"""Services that run on real engines, and what may happen to these meanwhile."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from chalicelib.adapters.kubernetes.api import Api
from chalicelib.domain.builds import Image
from chalicelib.pipeline.loads import load_snapshot
from chalicelib.ports import Ports
from chalicelib.settings import read_settings
from chalicelib.wiring import make_ports
from engines.kubernetes.network import NODE_NAME
from engines.processes import is_alive, read_record
from engines.rooms import define
from engines.site import Site
from engines.supervisor import up
from tests.demo.visitors import SteadyClient
from tests.journeys.harness import Ancla, SteadyLoad
from tests.journeys.repository import Repository
from tests.journeys.waiting import wait_for

AWAY = 20.0
"""Seconds for which an engine is away, where nothing else is asked for: longer than any call is waited for."""


class Fleet:
    """Services of one Ancla, each with a repository of its own and version 1 running."""

    def __init__(self, ancla: Ancla, folder: Path) -> None:
        self.ancla, self.folder = ancla, folder
        self.made = 0

    def service(self) -> tuple[str, Repository]:
        self.made += 1
        repository = Repository(self.folder / f"repository-{self.made}")
        repository.commit_version("1")
        path = self.ancla.make_service(f"acme/faults/staging/web-{self.made}", repository)
        self.good(path, self.ancla.deploy(path))
        return path, repository

    def good(self, path: str, run: int, *, seconds: float = 150) -> dict[str, Any]:
        ended = self.ancla.ended(path, run, seconds=seconds)
        assert ended["outcome"] == "succeeded", ended["failure"]
        return ended

    def answers(self, path: str, wanted: Mapping[str, str]) -> bool:
        """Whether it answers so several times in a row: of an old pod and a new one, any may be asked."""
        try:
            return all(self.ancla.answer(path) == wanted for _ in range(5))
        except httpx.HTTPError:
            return False

    def roll_to(self, path: str, version: int) -> int:
        """The run of a roll-back, or forward, to that deploy."""
        wish = f"/workspaces/acme/projects/faults/pipeline/rollback?env=staging&service={path.rsplit('/', 1)[-1]}"
        return int(self.ancla.api("POST", wish, {"version": version})["run"])

    def image(self, path: str, version: int) -> Image:
        """What that deploy runs."""
        service = self.ancla.api("GET", path)["id"]
        (made,) = [deploy for deploy in self.ancla.api("GET", f"{path}/deploys")["items"] if deploy["version"] == version]
        return load_snapshot(self.ports(), service, self.ancla.run(path, made["run"])["snapshot"]).image

    def ports(self) -> Ports:
        """What the server itself works with."""
        return make_ports(read_settings(self.ancla.environ))

    def wait_for_stage(self, path: str, run: int, *stages: str) -> None:
        wait_for(lambda: self.ancla.run(path, run)["stage"] in stages, seconds=60, what=f"run {run} to be at {stages}", pause=0.01)


def mend(site: Site) -> None:
    """Brings every engine back, as it is meant to be."""
    up(define(site), site, lambda line: None)


def kill(site: Site, name: str) -> None:
    process = read_record(site.record(name))
    assert process is not None and is_alive(process), f"{name} does not run"
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(process), what=f"{name} to be dead")


@contextmanager
def away(site: Site, name: str) -> Iterator[None]:
    kill(site, name)
    try:
        yield
    finally:
        mend(site)


def deployed_without(fleet: Fleet, site: Site, engine: str, stages: tuple[str, ...]) -> SteadyClient:
    """Deploys version 2 under load; when it is at one of those stages, the engine is away for a while. Returns the client when that version
    alone answers. No request fails while the engine is away."""
    path, repository = fleet.service()
    fleet.ancla.api("POST", f"{path}/config", {"name": "TOKEN", "value": "a-secret", "secret": True})
    repository.commit_version("2")
    with SteadyLoad(fleet.ancla.place(path)) as load:
        run = fleet.ancla.deploy(path)
        fleet.wait_for_stage(path, run, *stages)
        with away(site, engine):
            time.sleep(AWAY)
            assert load.failures == []
        fleet.good(path, run)
        wait_for(lambda: fleet.answers(path, {"version": "2", "TOKEN": "a-secret"}), seconds=60, what="version 2 alone to answer")
    return load


@contextmanager
def node_closed(api: Api) -> Iterator[None]:
    """As `kubectl cordon` does it: what is there stays, and nothing new gets room."""
    node, merge = f"/api/v1/nodes/{NODE_NAME}", "application/merge-patch+json"
    api.patch(node, {"spec": {"unschedulable": True}}, merge)
    try:
        yield
    finally:
        api.patch(node, {"spec": {"unschedulable": None}}, merge)
