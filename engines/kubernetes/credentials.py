"""Who is who in the cluster: authorities, certificates, and the kubeconfig of each client."""

from __future__ import annotations

import base64
import json

from engines.certificates import ensure_authority, ensure_client, ensure_server
from engines.commands import run
from engines.files import ensure_text
from engines.kubernetes.network import API_SERVICE_IP, API_URL, CLUSTER_DOMAIN, NODE_IP, NODE_NAME
from engines.kubernetes.paths import Paths

ADMINS = "system:masters"
CLIENTS = {
    "admin": ("admin", ADMINS),
    "controller-manager": ("system:kube-controller-manager", ""),
    "ingress": ("kube-ingress", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "kubelet": (f"system:node:{NODE_NAME}", "system:nodes"),
    "network-policy": ("kube-netpol", ""),
    "scheduler": ("system:kube-scheduler", ""),
}
"""Common name and organisation (user and group, to the API server) of each client that has a kubeconfig."""


def ensure_credentials(paths: Paths) -> None:
    """Makes what is not there yet. Etcd and the front proxy have authorities of their own, so that no client of the API server is
    taken for one of theirs."""
    for authority in ("kubernetes", "etcd", "front-proxy"):
        ensure_authority(paths.pair(f"{authority}-ca"), f"{authority}-ca")
    _ensure_servers(paths)
    _ensure_clients(paths)
    if not paths.signing_public_key.is_file():
        ensure_text(paths.signing_key, run(["openssl", "genrsa", "2048"]), mode=0o600)
        run(["openssl", "rsa", "-in", paths.signing_key, "-pubout", "-out", paths.signing_public_key])


def _ensure_servers(paths: Paths) -> None:
    ca, node = paths.pair("kubernetes-ca"), (f"DNS:{NODE_NAME}", f"IP:{NODE_IP}", "IP:127.0.0.1")
    service = "kubernetes.default.svc"
    names = ("kubernetes", "kubernetes.default", service, f"{service}.{CLUSTER_DOMAIN}", "localhost")
    api_names = [*(f"DNS:{name}" for name in names), f"IP:{API_SERVICE_IP}", *node]
    ensure_server(paths.pair("apiserver"), ca, "kube-apiserver", api_names)
    for name in ("kubelet-server", "controller-manager-server", "scheduler-server"):
        ensure_server(paths.pair(name), ca, name, node)
    ensure_server(paths.pair("etcd"), paths.pair("etcd-ca"), "etcd", node, client=True)


def _ensure_clients(paths: Paths) -> None:
    ca = paths.pair("kubernetes-ca")
    ensure_client(paths.pair("apiserver-to-etcd"), paths.pair("etcd-ca"), "kube-apiserver")
    ensure_client(paths.pair("apiserver-to-kubelet"), ca, "kube-apiserver-kubelet-client", ADMINS)
    ensure_client(paths.pair("front-proxy"), paths.pair("front-proxy-ca"), "front-proxy-client")
    for name, (user, group) in CLIENTS.items():
        ensure_client(paths.pair(name), ca, user, group)
        ensure_text(paths.kubeconfig(name), render_kubeconfig(paths, name), mode=0o600)


def render_kubeconfig(paths: Paths, name: str) -> str:
    """As JSON, which is YAML too. The address is the node's, which the machine reaches as well."""

    def inline(pem: str) -> str:
        return base64.b64encode(pem.encode()).decode()

    ca, own = paths.pair("kubernetes-ca"), paths.pair(name)
    cluster = {"server": API_URL, "certificate-authority-data": inline(ca.certificate.read_text())}
    user = {"client-certificate-data": inline(own.certificate.read_text()), "client-key-data": inline(own.key.read_text())}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "ancla", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "ancla", "context": {"cluster": "ancla", "user": name}}],
        "current-context": "ancla",
    }
    return json.dumps(config, indent=2)
