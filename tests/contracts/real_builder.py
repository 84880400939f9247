"""BuildKit of the engines that run, with what a build needs around it: a git server, and the endpoint that hands out registry tokens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from urllib3 import PoolManager

from chalicelib.adapters.buildkit.builder import SILENCE, BuildKitBuilder
from chalicelib.adapters.buildkit.jobs import OF_JOB
from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.git.addresses import parse_networks
from chalicelib.adapters.git.connections import Reach
from chalicelib.adapters.git.credentials import Logins
from chalicelib.adapters.git.source import GitSource
from chalicelib.adapters.kubernetes.api import Answer, Api
from chalicelib.adapters.kubernetes.kinds import collection, place
from chalicelib.domain.hierarchy import Source
from chalicelib.domain.registry import PULL, Access, granted, parse_scopes
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.buildkit import BuildYard, job_name
from tests.contracts.engines_home import engine_environment, engine_settings
from tests.contracts.git_servers import GitServer, git_server, reply
from tests.contracts.oci import MANIFEST, RealRegistry, now, real_registry
from tests.contracts.repositories import Repository


@dataclass
class RealYard:
    """Makes builders, and looks at what they leave in the cluster, as its administrator."""

    environment: Mapping[str, str]
    server: GitServer
    registry: RealRegistry
    yard: BuildYard
    admin: Api
    made: list[str] = field(default_factory=list)

    def builder(self, *, yard: BuildYard | None = None, logins: Logins | None = None, patience: float = SILENCE) -> BuildKitBuilder:
        chosen = yard or self.yard
        source = GitSource(Reach(networks=parse_networks([f"{self.server.host}/32"])), logins)
        api = Api(Path(self.environment["ANCLA_KUBECONFIG"]))
        tokens = self.registry.tokens
        return BuildKitBuilder(api, chosen, source=source, tokens=tokens, clock=SystemClock(), logins=logins, patience=patience)

    @property
    def base(self) -> str:
        """An image with a shell and Python."""
        return self.environment["ANCLA_ENGINES_BASE_IMAGE"]

    def source(self, repository: Repository) -> Source:
        return Source(location=self.server.location(repository))

    def job(self, build_id: str) -> Answer:
        return self.admin.get(place("Job", self.yard.namespace, job_name(build_id)))

    def secret(self, build_id: str) -> Answer | None:
        return self.admin.find(place("Secret", self.yard.namespace, job_name(build_id)))

    def pods(self, build_id: str) -> list[Answer]:
        found: list[Answer] = self.admin.get(
            collection("Pod", self.yard.namespace), labelSelector=f"{OF_JOB}={self.job(build_id)['metadata']['uid']}"
        )["items"]
        return found

    def lose(self, build_id: str) -> None:
        """Its pod is gone at once, as with the node that it was on."""
        for pod in self.pods(build_id):
            body = {"gracePeriodSeconds": 0}
            self.admin.delete(place("Pod", self.yard.namespace, pod["metadata"]["name"]), body)

    def config(self, repository: str, digest: str) -> dict[str, Any]:
        """What the image says of itself."""
        image = self._read(repository, f"manifests/{digest}")
        found: dict[str, Any] = self._read(repository, f"blobs/{image['config']['digest']}")["config"]
        return found

    def _read(self, repository: str, what: str) -> Any:
        token = self.registry.tokens.make_token("test", [Access(repository, (PULL,))], now=now(), good_for=timedelta(minutes=1)).token
        http = PoolManager(ca_certs=str(self.registry.settings.ca), retries=False, timeout=10)
        headers = {"Authorization": f"Bearer {token.reveal()}", "Accept": MANIFEST}
        return http.request("GET", f"https://{self.yard.registry}/v2/{repository}/{what}", headers=headers).json()


@contextmanager
def real_yard(root: Path) -> Iterator[RealYard]:
    """Its repositories are those below `root`. The test is left out where no engines run, or Ancla's own API has the endpoint's port."""
    environment, settings = engine_environment(), engine_settings()
    registry = real_registry(settings)
    host, _, port = environment["ANCLA_ENGINES_SOURCE"].rpartition(":")
    yard = BuildYard(
        namespace=environment["ANCLA_BUILDKIT_NAMESPACE"],
        image=environment["ANCLA_BUILDKIT_IMAGE"],
        address=environment["ANCLA_BUILDKIT_ADDRESS"],
        registry=environment["ANCLA_REGISTRY_ADDRESS"],
        bases=("base/python",),
    )
    admin = Api(Path(environment["ANCLA_ENGINES_KUBECONFIG"]))
    with _realm(environment["ANCLA_REGISTRY_REALM"], registry), git_server(root, host=host, port=int(port)) as server:
        yield RealYard(environment, server, registry, yard, admin)


@contextmanager
def _realm(url: str, registry: RealRegistry) -> Iterator[None]:
    """Trades passwords for tokens as the API does, but for the question whether their build still goes on."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            claims = registry.tokens.claims_of(Secret(form["password"][0]), now=now())
            if claims is None or claims.holder.username != form["username"][0]:
                reply(self, 401)
                return
            access = granted(parse_scopes(form.get("scope", [])), claims.access)
            token = registry.tokens.make_token(claims.holder.username, access, now=now(), good_for=timedelta(minutes=5)).token
            body = {"token": token.reveal(), "access_token": token.reveal(), "expires_in": 300}
            reply(self, 200, json.dumps(body).encode(), Content_Type="application/json")

        def log_message(self, format: str, *arguments: object) -> None:
            """Quiet."""

    parts = urlsplit(url)
    try:
        server = ThreadingHTTPServer((str(parts.hostname), parts.port or 80), Handler)
    except OSError:
        pytest.skip(f"{url} is served by somebody else, for example Ancla itself: stop it to run these tests")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
