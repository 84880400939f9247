"""What all measurements stand on: an Ancla on the real engines, a service of it that runs, and how it is asked."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from chalicelib.manifests.names import namespace_of
from engines.helm import program as helm_program
from engines.site import read_site
from tests.bench_engines.rivals import Programs, Span
from tests.journeys.ground import GROUND
from tests.journeys.harness import Ancla
from tests.journeys.repository import Repository
from tests.journeys.waiting import wait_for

WORKSPACE = "bench"
NAMESPACE = namespace_of(WORKSPACE)
VARIABLE, SECRET = "GREETING", "TOKEN"
"""What the small web server shows of its environment."""
LOOK_EVERY = 0.2
"""Seconds between two looks at a run. The times come from its record; looks in quick succession would take the server's own time."""
ENDED_WITHIN = 300.0
TAKEN_DOWN_WITHIN = 60.0


@dataclass(slots=True)
class Stage:
    """`user`: what the API server calls this Ancla."""

    ancla: Ancla
    folder: Path
    user: str
    audit_log: Path
    runs: list[Mapping[str, Any]] = field(default_factory=list)

    def new_repository(self, name: str) -> Repository:
        return Repository(self.folder / name)

    def make_service(self, address: str) -> str:
        """A service of a small web server; returns its path in the API."""
        repository = self.new_repository(address.replace("/", "-"))
        repository.commit_version("1")
        return self.ancla.make_service(address, repository)

    def set_variable(self, path: str, name: str, value: str, **flags: bool) -> None:
        self.ancla.api("POST", f"{path}/config", {"name": name, "value": value, **flags})

    def deploy(self, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Deploys, and returns the run, which has to end well."""
        return self._ended(path, self.ancla.deploy(path, body))

    def timed_deploy(self, path: str) -> Span:
        """What runs, with the config that is set now: from just before the request until the run's recorded end."""
        return self._timed(path, f"{path}/deploy", {"config_only": True})

    def timed_rollback(self, path: str, version: int) -> Span:
        service, environment = path.rsplit("/", 1)[1], path.split("/envs/")[1].split("/")[0]
        return self._timed(path, f"{path.split('/envs/')[0]}/pipeline/rollback?service={service}&env={environment}", {"version": version})

    def active(self, path: str) -> int:
        """The number of the deploy that runs."""
        return int(next(deploy["version"] for deploy in self.ancla.api("GET", f"{path}/deploys")["items"] if deploy["active"]))

    def take_down(self) -> None:
        """Deletes all that was deployed, so that nothing of it stays in registry, Vault and catalog."""
        projects = f"/workspaces/{WORKSPACE}/projects"
        if self.ancla.ask("GET", projects).is_success:
            for project in self.ancla.api("GET", projects):
                self.ancla.api("DELETE", f"{projects}/{project['slug']}")
            wait_for(lambda: self.ancla.api("GET", projects) == [], seconds=TAKEN_DOWN_WITHIN, what="all services to be gone")

    def _timed(self, path: str, request: str, body: Mapping[str, Any]) -> Span:
        began = time.time()
        run = self._ended(path, int(self.ancla.api("POST", request, body)["run"]))
        self.runs.append(run)
        return Span(began, moment(run["finished"]))

    def _ended(self, path: str, number: int) -> Mapping[str, Any]:
        deadline = time.monotonic() + ENDED_WITHIN
        while not (run := self.ancla.run(path, number))["outcome"]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"run {number} of {path} is still at {run['stage']} after {ENDED_WITHIN:.0f} s")
            time.sleep(LOOK_EVERY)
        if run["outcome"] not in {"succeeded", "unchanged"}:
            raise RuntimeError(f"run {number} of {path} was to succeed, but {run['outcome']}: {run['failure'] or run['detail']}")
        return run


@contextmanager
def set_up(folder: Path) -> Iterator[Stage]:
    """Takes away again what it brought into the cluster."""
    with GROUND.ready():
        GROUND.clear((WORKSPACE,))
        with Ancla(folder) as ancla:
            namespace, _, account = ancla.environ["ANCLA_KUBERNETES_ACCOUNT"].partition("/")
            log = Path(ancla.environ["ANCLA_ENGINES_AUDIT_LOG"])
            stage = Stage(ancla, folder, f"system:serviceaccount:{namespace}:{account}", log)
            try:
                yield stage
            finally:
                with suppress(httpx.TransportError, AssertionError):  # what ended the measurement is what is to be told
                    stage.take_down()
                GROUND.clear((WORKSPACE,))


def programs(environ: Mapping[str, str]) -> Programs:
    helm = helm_program(read_site())
    if shutil.which(helm) is None:
        raise RuntimeError(f"there is no {helm}: build it with 'make engines'")
    return Programs(kubectl=Path(environ["ANCLA_ENGINES_KUBECTL"]), helm=helm, admin=Path(environ["ANCLA_ENGINES_KUBECONFIG"]))


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
