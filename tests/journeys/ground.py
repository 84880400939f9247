"""What the stories stand on: the embedded engines, or, with ANCLA_PROFILE=engines, the real ones whose home ANCLA_ENGINES_HOME names."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.kinds import place
from chalicelib.manifests.names import namespace_of
from tests.contracts.engines_home import engine_environment
from tests.contracts.git_servers import git_server

REPOSITORIES = Path(tempfile.gettempdir())
"""Below this folder are all repositories that a service may name."""
GONE_WITHIN = 90.0
DOCKERFILE = "FROM {base}\nWORKDIR /app\nCOPY . .\nUSER 1000\n"


@dataclass(frozen=True)
class Ground:
    """`host` is the address of Ancla's API; without a `port`, or a `router`, these are free ports of this machine."""

    host: str = "127.0.0.1"
    port: int = 0
    router: tuple[str, int] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    """What `local.py` is told beside."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What a repository needs to be built here."""
    sources: str = ""
    """The git server before the repositories; empty: they are named by their path."""
    admin: Path | None = None
    """The kubeconfig of the cluster's administrator."""

    @property
    def real(self) -> bool:
        return self.admin is not None

    def location(self, repository: Path) -> str:
        """How a service names the repository as its source."""
        return f"{self.sources}/{repository.relative_to(REPOSITORIES)}" if self.sources else str(repository)

    def clear(self, workspaces: Sequence[str]) -> None:
        """Takes away what these workspaces have in the cluster, and waits until it is gone."""
        if self.admin is None:
            return
        api = Api(self.admin)
        left = [place("Namespace", "", namespace_of(workspace)) for workspace in workspaces]
        left = [path for path in left if api.find(path)]
        for path in left:
            api.delete(path, {"propagationPolicy": "Background"})
            api.delete(f"{path}/pods", {"gracePeriodSeconds": 0})  # nobody is to be given time any more
        deadline = time.monotonic() + GONE_WITHIN
        while left := [path for path in left if api.find(path)]:
            assert time.monotonic() < deadline, f"still there: {left}"
            time.sleep(0.2)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Holds what the ground itself needs beside the engines."""
        if not self.sources:
            yield
            return
        host, _, port = self.sources.removeprefix("http://").rpartition(":")
        with git_server(REPOSITORIES, host=host, port=int(port)):
            yield


def _real() -> Ground:
    environment = engine_environment()
    host = environment["ANCLA_ENGINES_SOURCE"].rpartition(":")[0]
    router, _, port = environment["ANCLA_INGRESS_ADDRESS"].rpartition(":")
    base = environment["ANCLA_ENGINES_BASE_IMAGE"].removeprefix(f"{environment['ANCLA_REGISTRY_ADDRESS']}/").rpartition(":")[0]
    return Ground(
        host=host,
        port=int(environment["ANCLA_REGISTRY_REALM"].split("/")[2].rpartition(":")[2]),
        router=(router, int(port)),
        settings={**environment, "ANCLA_PROFILE": "engines", "ANCLA_GIT_NETWORKS": f"{host}/32,127.0.0.0/8", "ANCLA_BUILD_BASES": base},
        files={"Dockerfile": DOCKERFILE.format(base=environment["ANCLA_ENGINES_BASE_IMAGE"])},
        sources=f"http://{environment['ANCLA_ENGINES_SOURCE']}",
        admin=Path(environment["ANCLA_ENGINES_KUBECONFIG"]),
    )


GROUND = _real() if os.environ.get("ANCLA_PROFILE") == "engines" else Ground()
