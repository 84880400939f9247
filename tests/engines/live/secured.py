"""A service in a workspace's namespace, as Ancla lays both out, and how it is reached over HTTPS. Its pods are a sample's."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.addresses import Address
from chalicelib.domain.builds import Image
from chalicelib.domain.fences import Phase
from chalicelib.domain.hierarchy import Workspace
from chalicelib.domain.snapshots import Snapshot
from chalicelib.manifests import names
from chalicelib.manifests.kubernetes import render_anchor, render_set, render_shared
from chalicelib.manifests.surroundings import Neighbours, Surroundings
from chalicelib.ports.cluster import Manifest
from engines.kubernetes.network import NODE_IP
from engines.kubernetes.recipes import SAMPLE_IMAGE
from engines.kubernetes.workers import INGRESS_CLASS
from engines.site import Site
from tests.engines.live.workloads import CONFINED, Room

HTTPS_PORT = 443
WEB_PORT = 8000
"""Where the services that Ancla renders find their pods."""
OWN_KINDS = "ingress,service,pod,secret,certificate,certificaterequest,order,challenge"
SURROUNDINGS = Surroundings(ingress_class=INGRESS_CLASS, neighbours=Neighbours(ingress=f"{NODE_IP}/32"))


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str
    certificate: Mapping[str, Any]
    """What was shown, as the ssl module reads it."""


@dataclass(frozen=True, slots=True)
class Secured:
    """One web service of the workspace."""

    room: Room
    address: Address
    service_id: str
    domain: str

    @property
    def host(self) -> str:
        return names.host_of(self.address, self.domain)

    @property
    def certificate(self) -> str:
        """The name of the certificate, and of its secret."""
        return names.tls_secret_name(self.address)

    def deploy(self, *, issuer: str = SURROUNDINGS.certificate_issuer, turn: int = 1) -> None:
        """Applies anchor, Service and Ingress as Ancla renders them, owned by the anchor as Ancla has them owned; and pods."""
        self.room.apply(render_anchor(self.address, self.service_id, turn, Phase.ROLL_OUT))
        name = names.anchor_name(self.address, self.service_id, turn, Phase.ROLL_OUT)
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": self.room.get("configmap", name)["metadata"]["uid"]}
        manifests = [_pods(self.address, self.service_id), *self._rendered(issuer)]
        self.room.apply(*({**manifest, "metadata": {**manifest["metadata"], "ownerReferences": [owner]}} for manifest in manifests))

    def remove(self, *, turn: int = 1) -> None:
        """Deletes the anchor alone, as Ancla does: the rest is for the cluster's garbage collector."""
        self.room.kubectl("delete", "configmap", names.anchor_name(self.address, self.service_id, turn, Phase.ROLL_OUT))

    def fetch(self, root: str) -> Answer:
        """Asks through the Ingress controller. Raises ssl.SSLError where the certificate is not one for this host by that root (PEM)."""
        context = ssl.create_default_context(cadata=root)
        connection = http.client.HTTPConnection(self.host, HTTPS_PORT, timeout=5)
        with (
            socket.create_connection((NODE_IP, HTTPS_PORT), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=self.host) as tls,
        ):
            connection.sock = tls
            connection.request("GET", "/", headers={"Host": self.host})
            response = connection.getresponse()
            return Answer(response.status, response.read().decode(), tls.getpeercert() or {})

    def serves(self, root: str) -> bool:
        try:
            return self.fetch(root).status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def leftovers(self) -> list[str]:
        """What there is in the namespace of the kinds that a service has, but for what each namespace has."""
        return self.room.kubectl("get", OWN_KINDS, "--output=name").split()

    def _rendered(self, issuer: str) -> Sequence[Manifest]:
        image = Image(repository="sample", digest=f"sha256:{'0' * 64}", processes={"web": "serve"})
        snapshot = Snapshot(image=image, build=1, commit="0" * 40, health_check_path="/ready", deployment_timeout=60)
        rendered = render_set(
            self.address,
            self.service_id,
            snapshot,
            snapshot_hash=snapshot.hash,
            apps_domain=self.domain,
            tls=True,
            surroundings=replace(SURROUNDINGS, certificate_issuer=issuer),
        )
        return [manifest for manifest in rendered if manifest["kind"] in ("Service", "Ingress")]


@contextmanager
def workspace(site: Site, surroundings: Surroundings = SURROUNDINGS) -> Iterator[Room]:
    """A workspace's namespace with its limits and walls, removed at the end."""
    now = datetime.now(UTC)
    owner = Workspace(id=str(uuid.uuid4()), slug=f"tls{uuid.uuid4().hex[:8]}", name="TLS", created=now, updated=now)
    room = Room(site, names.namespace_of(owner.slug))
    namespace, *shared = render_shared(owner, surroundings=surroundings)
    replace(room, namespace="default").apply(namespace)
    try:
        room.apply(*shared)
        yield room
    finally:
        replace(room, namespace="default").kubectl("delete", "namespace", room.namespace, "--wait=false")


def service_in(room: Room, domain: str = "apps.example") -> Secured:
    slug = room.namespace.removeprefix("ancla-")
    return Secured(room, Address.of(slug, "shop", "live", "web"), str(uuid.uuid4()), domain)


def condition(of: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of that type; empty if there is none (yet)."""
    return next((one for one in of.get("status", {}).get("conditions", []) if one["type"] == kind), {})


def renew(room: Room, name: str) -> None:
    """Asks for a new certificate now, as cert-manager's own command line does."""
    held = room.get("certificate", name)
    asked = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "A test asks for it"}
    conditions = [*held["status"]["conditions"], {**asked, "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}]
    patch = json.dumps({"status": {"conditions": conditions}})
    room.kubectl("patch", "certificate", name, "--subresource=status", "--type=merge", "--patch", patch)


def _pods(address: Address, service_id: str) -> Manifest:
    labels = names.labels_of(address, service_id, "web")
    container = {
        "name": "web",
        "image": SAMPLE_IMAGE,
        "env": [{"name": "PORT", "value": str(WEB_PORT)}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": WEB_PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": CONFINED,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": names.resource_name(address, "web"), "labels": labels},
        "spec": {
            "selector": {"matchLabels": names.selector_of(service_id, "web")},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container], "automountServiceAccountToken": False}},
        },
    }
