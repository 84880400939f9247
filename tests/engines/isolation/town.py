"""Services that run on a real cluster as Ancla rolls them out, in workspaces of the test's own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.cluster import KubernetesCluster
from chalicelib.adapters.vault import HashicorpVault
from chalicelib.domain.addresses import Address, Level
from chalicelib.domain.builds import Image
from chalicelib.domain.fences import Fence, Phase
from chalicelib.domain.hierarchy import Workspace
from chalicelib.domain.secrets import Secret
from chalicelib.domain.snapshots import FrozenVariable, Snapshot
from chalicelib.manifests.identity import render_identity
from chalicelib.manifests.kubernetes import render_anchor, render_set, with_counts
from chalicelib.manifests.names import account_of, host_of, namespace_of, repository_of, resource_name
from chalicelib.manifests.shared import render_shared
from chalicelib.manifests.surroundings import Surroundings
from chalicelib.manifests.vault import snapshot_path, snapshot_prefix
from chalicelib.ports.vault import Workload
from engines.errors import Trouble
from engines.site import Site
from tests.contracts.oci import now
from tests.engines.isolation.images import Shelf
from tests.engines.live.workloads import Room

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
APPS_DOMAIN = "localhost"
WITHIN = 8.0
PATIENCE = 60.0
TOKEN = "TOKEN"
"""The secret variable that each service has."""
SERVE = "exec python3 -m http.server $PORT"


@dataclass(frozen=True)
class Service:
    address: Address
    id: str
    snapshot: Snapshot
    room: Room

    @property
    def labels(self) -> str:
        return f"ancla.dev/service-id={self.id}"

    @property
    def pod(self) -> dict[str, Any]:
        (found,) = json.loads(self.room.kubectl("get", "pods", f"--selector={self.labels}", "--output=json"))["items"]
        return dict(found)

    @property
    def ip(self) -> str:
        return str(self.pod["status"]["podIP"])

    @property
    def host(self) -> str:
        return host_of(self.address, APPS_DOMAIN)

    @property
    def entry(self) -> str:
        """Where its secrets lie in the vault."""
        return snapshot_path(self.id, self.snapshot.hash)

    def python(self, code: str, *arguments: str) -> str:
        """What Python prints that runs in the service's own container."""
        name = self.pod["metadata"]["name"]
        return self.room.kubectl("exec", name, "--container=app", "--", "python3", "-c", code, *arguments).strip()

    def reaches(self, host: str, port: int) -> bool:
        return self.python(CONNECT, host, str(port)) == "yes"


CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2).close()
except OSError as error:
    print(error)
else:
    print("yes")
"""


@dataclass
class Town:
    """Where services move in. All that is made carries a mark of its own, and goes with `clear`."""

    site: Site
    kubeconfig: Path
    vault: HashicorpVault
    shelf: Shelf
    around: Surroundings
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    services: list[Service] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cluster = KubernetesCluster(SystemClock(), Api(self.kubeconfig))

    def move_in(self, workspace: str, project: str, environment: str, service: str) -> Service:
        """Rolls it out as the pipeline does, without waiting for it."""
        address = Address(f"{workspace}{self.mark}", project, environment, service)
        made = self._frozen(address)
        self.services.append(made)
        fence = Fence(made.id, 1)
        slug = address.workspace
        shared = render_shared(Workspace(id=slug, slug=slug, name=slug, created=AT, updated=AT), surroundings=self.around)
        self.cluster.ensure_shared(shared, version=1)
        owner = self.cluster.ensure_anchor(render_anchor(address, made.id, 1, Phase.ROLL_OUT), fence)
        grant = self.shelf.registry.registry.grant_pull(made.id, made.snapshot.image.repository, now=now())
        self.cluster.apply(render_identity(address, made.id, grant), owner=owner, fence=fence)
        rendered = render_set(
            address, made.id, made.snapshot, snapshot_hash=made.snapshot.hash, apps_domain=APPS_DOMAIN, tls=False, surroundings=self.around
        )
        self.cluster.apply(with_counts(rendered, {"web": 1}), owner=owner, fence=fence)
        return made

    def settle(self) -> None:
        for made in self.services:
            self._settle(made)

    def clear(self) -> None:
        for namespace in {made.room.namespace for made in self.services}:
            self.services[0].room.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")
        for made in self.services:
            self.vault.purge(snapshot_prefix(made.id))
            self.vault.disallow(made.id)
        self.shelf.registry.clear()

    def _frozen(self, address: Address) -> Service:
        service_id = str(uuid.uuid4())
        repository = repository_of(address, service_id)
        secret = FrozenVariable(secret=True, scope_id="scope", vault_version=1, owner=address.workspace, level=Level.WORKSPACE)
        snapshot = Snapshot(
            image=Image(repository=repository, digest=self.shelf.put(repository, f"v{self.mark}"), processes={"web": SERVE}),
            build=1,
            commit="4f2d" * 10,
            config={TOKEN: secret},
            health_check_path="/",
            deployment_timeout=60,
        )
        namespace = namespace_of(address.workspace)
        made = Service(address, service_id, snapshot, Room(self.site, namespace))
        self.vault.write(made.entry, {TOKEN: Secret(f"of {address}")}, cas=0)
        self.vault.allow(Workload(service_id=service_id, namespace=namespace, account=account_of(address)), snapshot_prefix(service_id))
        return made

    def _settle(self, made: Service) -> None:
        name = resource_name(made.address, "web")
        for _ in range(round(PATIENCE / WITHIN)):
            (status,) = self.cluster.watch(made.room.namespace, [name], seconds=WITHIN)
            assert not status.failure, status
            if status.settled:
                return
        raise AssertionError(f"{made.address} did not get ready: {status}")


def is_taken(room: Room, pod: Mapping[str, Any]) -> str:
    """What the cluster says to the pod, which is not really made; empty when it takes it."""
    try:
        room.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
    except Trouble as trouble:
        return trouble.message
    return ""
