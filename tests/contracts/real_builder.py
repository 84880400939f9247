"""BuildKit of the engines that run, with what a build needs around it: a git server, and the endpoint that hands out registry tokens."""

from __future__ import annotations

import gzip
import json
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from urllib3 import PoolManager

from chalicelib.adapters.buildkit.builder import SILENCE, BuildKitBuilder
from chalicelib.adapters.buildkit.jobs import OF_JOB
from chalicelib.adapters.buildkit.logs import MAX_LOG
from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.git.addresses import parse_networks
from chalicelib.adapters.git.connections import Reach
from chalicelib.adapters.git.credentials import Logins
from chalicelib.adapters.git.source import GitSource
from chalicelib.adapters.kubernetes.api import Answer, Api
from chalicelib.adapters.kubernetes.kinds import collection, place
from chalicelib.adapters.kubernetes.pods import condition, is_ending
from chalicelib.domain.hierarchy import Source
from chalicelib.domain.registry import PULL, Access, granted, parse_scopes
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.buildkit import BuildYard, job_name
from chalicelib.ports.builder import BuildJob
from tests.contracts.builds import job_for
from tests.contracts.engines_home import engine_environment, engine_settings
from tests.contracts.git_servers import GitServer, git_server, reply
from tests.contracts.oci import MANIFEST, RealRegistry, now, real_registry
from tests.contracts.repositories import Repository

BUILDKIT = "buildkit"
"""The namespace that it is in (engines/cluster/buildkit)."""
INDEX = "application/vnd.oci.image.index.v1+json"
GZIP = b"\x1f\x8b"


@dataclass
class RealYard:
    """Makes builders, and looks at what they leave in the cluster, as its administrator."""

    environment: Mapping[str, str]
    server: GitServer
    registry: RealRegistry
    yard: BuildYard
    admin: Api
    made: list[str] = field(default_factory=list)

    def builder(
        self, *, yard: BuildYard | None = None, logins: Logins | None = None, patience: float = SILENCE, max_log: int = MAX_LOG
    ) -> BuildKitBuilder:
        return BuildKitBuilder(
            Api(Path(self.environment["ANCLA_KUBECONFIG"])),
            yard or self.yard,
            source=GitSource(Reach(networks=parse_networks([f"{self.server.host}/32"])), logins),
            tokens=self.registry.tokens,
            clock=SystemClock(),
            logins=logins,
            patience=patience,
            max_log=max_log,
        )

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

    def events(self, build_id: str) -> list[Answer]:
        """What the cluster tells of it."""
        found: list[Answer] = self.admin.get(collection("Event", self.yard.namespace))["items"]
        return [one for one in found if job_name(build_id) in one["involvedObject"]["name"]]

    def lose(self, build_id: str) -> None:
        """Its pod is gone at once, as with the node that it was on."""
        self._kill(self.pods(build_id))

    def kill_buildkit(self) -> None:
        """BuildKit is gone at once, with all that it kept, and the cluster starts another one. Nobody else builds meanwhile: whoever
        builds needs the endpoint that this yard has."""
        self._kill(self._buildkits())

    def buildkit_is_ready(self) -> bool:
        return any(condition(pod, "Ready").get("status") == "True" and not is_ending(pod) for pod in self._buildkits())

    def buildkits_log(self) -> str:
        return "".join(self.admin.read(f"{place('Pod', BUILDKIT, pod['metadata']['name'])}/log").decode() for pod in self._buildkits())

    def config(self, repository: str, digest: str) -> dict[str, Any]:
        """What the image says of itself."""
        image = json.loads(self._read(repository, f"manifests/{digest}"))
        found: dict[str, Any] = json.loads(self._read(repository, f"blobs/{image['config']['digest']}"))["config"]
        return found

    def content(self, repository: str, reference: str) -> bytes:
        """All that the registry has of it: the manifest and each blob that this names, unpacked."""
        manifest = self._read(repository, f"manifests/{reference}")
        told = json.loads(manifest)
        named = [told.get("config"), *told.get("layers", ()), *told.get("manifests", ())]
        blobs = [self._read(repository, f"blobs/{one['digest']}") for one in named if one]
        return b"\n".join([manifest, *(gzip.decompress(blob) if blob.startswith(GZIP) else blob for blob in blobs)])

    def _kill(self, pods: Sequence[Answer]) -> None:
        for pod in pods:
            self.admin.delete(place("Pod", pod["metadata"]["namespace"], pod["metadata"]["name"]), {"gracePeriodSeconds": 0})

    def _buildkits(self) -> list[Answer]:
        found: list[Answer] = self.admin.get(collection("Pod", BUILDKIT), labelSelector="app.kubernetes.io/name=buildkitd")["items"]
        return found

    def _read(self, repository: str, what: str) -> bytes:
        token = self.registry.tokens.make_token("test", [Access(repository, (PULL,))], now=now(), good_for=timedelta(minutes=1)).token
        http = PoolManager(ca_certs=str(self.registry.settings.ca), retries=False, timeout=10)
        headers = {"Authorization": f"Bearer {token.reveal()}", "Accept": f"{MANIFEST}, {INDEX}"}
        answer = http.request("GET", f"https://{self.yard.registry}/v2/{repository}/{what}", headers=headers)
        assert answer.status == 200, answer.data
        return answer.data


def steps_job(yard: RealYard, repository: Repository, *steps: str, files: Mapping[str, str] | None = None, **changes: Any) -> BuildJob:
    """A job whose Dockerfile has these steps, from its second line on."""
    commit = repository.commit({"Dockerfile": "\n".join([f"FROM {yard.base}", *steps, "CMD x", ""]), **(files or {})})
    return replace(job_for(yard.source(repository), commit, id=str(uuid.uuid4()), dockerfile="Dockerfile"), **changes)


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
    with token_endpoint(environment["ANCLA_REGISTRY_REALM"], registry), git_server(root, host=host, port=int(port)) as server:
        yield RealYard(environment, server, registry, yard, admin)


@contextmanager
def token_endpoint(url: str, registry: RealRegistry) -> Iterator[None]:
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
