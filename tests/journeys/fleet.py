"""Services that run on real engines, and what may happen to these meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from engines.processes import is_alive, read_record
from engines.rooms import define
from engines.site import Site
from engines.supervisor import up
from tests.journeys.harness import Ancla
from tests.journeys.repository import Repository
from tests.journeys.waiting import wait_for


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
