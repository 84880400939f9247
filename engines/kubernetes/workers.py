"""What runs pods, and what leads packets to them: containerd, kubelet, kube-proxy, network policies, ingress."""

from __future__ import annotations

from engines.checks import http_answers
from engines.commands import succeeds
from engines.debian import installed_version
from engines.engine import Engine, Place
from engines.kubernetes import client
from engines.kubernetes.configuration import PROXY_HEALTH_PORT
from engines.kubernetes.containerd import ctr, ensure_image
from engines.kubernetes.control_plane import LICENCE, answers_admin, program
from engines.kubernetes.network import NODE_IP, NODE_NAME, SERVICE_CIDR
from engines.kubernetes.paths import Paths
from engines.kubernetes.recipes import DNS, DNS_IMAGE, IMAGES, PAUSE_IMAGE, SAMPLE_IMAGE, VERSION
from engines.recipes import Recipe
from engines.site import Site
from engines.supervisor import NODE

KUBELET_PORT = 10250
POLICY_HEALTH, INGRESS_HEALTH = 10271, 10272
INGRESS_CLASS = "local"
DEFAULT_CERTIFICATE = ("kube-system", "default-certificate")
"""Namespace and name of the secret with the certificate for hosts that have none of their own. Who has one puts it there."""
IMPORTED: tuple[tuple[Recipe, str, str], ...] = (
    (IMAGES, "pause", PAUSE_IMAGE),
    (IMAGES, "sample", SAMPLE_IMAGE),
    (DNS, "coredns", DNS_IMAGE),
)
"""Recipe, archive and name of each image that is there without a registry."""


def workers(site: Site) -> tuple[Engine, ...]:
    return (_containerd(site), _kubelet(site), _kube_proxy(site), _network_policy(site), _ingress(site))


def _containerd(site: Site) -> Engine:
    paths = Paths.of(site)
    return Engine(
        name="containerd",
        version=installed_version("containerd"),
        licence=LICENCE,
        address=f"unix://{paths.containerd_socket}",
        place=Place.NODE,
        needs=(NODE,),
        reads=(paths.config("containerd.toml"),),
        argv=("/usr/bin/containerd", "--config", str(paths.config("containerd.toml")), "--log-level", "warn"),
        ready=lambda: succeeds(ctr(site, "version")),
        after=lambda: _import_images(site),
        exports={"ANCLA_ENGINES_SAMPLE_IMAGE": SAMPLE_IMAGE},
    )


def _import_images(site: Site) -> None:
    for recipe, archive, name in IMPORTED:
        ensure_image(site, recipe, archive, name)


def _kubelet(site: Site) -> Engine:
    paths = Paths.of(site)
    # The API server says that a node is ready for some time after its kubelet has died.
    answers = answers_admin(site, KUBELET_PORT, "/healthz")
    return Engine(
        name="kubelet",
        version=VERSION,
        licence=LICENCE,
        address=f"https://{NODE_IP}:{KUBELET_PORT}",
        place=Place.NODE,
        needs=("apiserver", "containerd"),
        reads=(paths.config("kubelet.json"),),
        argv=(
            program(site, "kubelet"),
            f"--config={paths.config('kubelet.json')}",
            f"--kubeconfig={paths.kubeconfig('kubelet')}",
            f"--root-dir={paths.data('kubelet')}",
            f"--node-ip={NODE_IP}",
            f"--hostname-override={NODE_NAME}",
        ),
        ready=lambda: answers() and _is_node_ready(site),
        # Of an API server that was away for a while it takes note only after a growing pause.
        ready_within=150,
    )


def _is_node_ready(site: Site) -> bool:
    node = client.find(site, f"/api/v1/nodes/{NODE_NAME}") or {}
    conditions = node.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _kube_proxy(site: Site) -> Engine:
    return Engine(
        name="kube-proxy",
        version=VERSION,
        licence=LICENCE,
        address=SERVICE_CIDR,
        place=Place.NODE,
        needs=("apiserver", "kubelet"),
        reads=(Paths.of(site).config("kube-proxy.json"),),
        argv=(program(site, "kube-proxy"), f"--config={Paths.of(site).config('kube-proxy.json')}"),
        ready=http_answers(NODE_IP, PROXY_HEALTH_PORT, "/healthz"),
    )


def _network_policy(site: Site) -> Engine:
    return Engine(
        name="network-policy",
        version="kube-router 2.1.0",
        licence=LICENCE,
        place=Place.NODE,
        needs=("apiserver", "kubelet"),
        argv=(
            program(site, "kube-netpol"),
            f"--kubeconfig={Paths.of(site).kubeconfig('network-policy')}",
            f"--node={NODE_NAME}",
            f"--service-cidr={SERVICE_CIDR}",
            f"--health={NODE_IP}:{POLICY_HEALTH}",
        ),
        ready=http_answers(NODE_IP, POLICY_HEALTH, "/healthz"),
    )


def _ingress(site: Site) -> Engine:
    return Engine(
        name="ingress",
        version="1",
        licence=LICENCE,
        address=f"http://{NODE_IP}",
        place=Place.NODE,
        needs=("apiserver",),
        argv=(
            program(site, "kube-ingress"),
            f"--kubeconfig={Paths.of(site).kubeconfig('ingress')}",
            f"--http={NODE_IP}:80",
            f"--https={NODE_IP}:443",
            f"--health={NODE_IP}:{INGRESS_HEALTH}",
            f"--publish={NODE_IP}",
            f"--default-certificate={'/'.join(DEFAULT_CERTIFICATE)}",
        ),
        ready=http_answers(NODE_IP, INGRESS_HEALTH, "/healthz"),
        exports={"ANCLA_INGRESS_ADDRESS": f"{NODE_IP}:80", "ANCLA_INGRESS_CLASS": INGRESS_CLASS},
    )
