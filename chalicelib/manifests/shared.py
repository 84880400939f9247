"""What the services of one workspace share in the cluster: the namespace, its walls and its limits."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.hierarchy import Workspace
from chalicelib.manifests.names import namespace_of
from chalicelib.manifests.surroundings import SURROUNDINGS, Neighbours, Surroundings

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that Kubernetes itself puts on each namespace."""
WORKSPACE_ROLE = "ancla-workspace"
"""The ClusterRole with what Ancla does within a workspace's namespace."""
ACME_SOLVER = {"acme.cert-manager.io/http01-solver": "true"}
"""The label of the pods that cert-manager starts to prove that a host is ours."""
ACME_PORT = 8089
LOCAL_DNS = "169.254.20.10/32"
"""Where a node's own DNS cache answers, in clusters that have one."""
POD_SECURITY = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
QUOTA = {
    "pods": "500",
    "requests.cpu": "64",
    "requests.memory": "128Gi",
    "limits.memory": "256Gi",
    "requests.storage": "0",
    "services.loadbalancers": "0",
    "services.nodeports": "0",
}


def render_shared(workspace: Workspace, *, surroundings: Surroundings = SURROUNDINGS) -> list[dict[str, Any]]:
    """The namespace first, then all that must stand before a pod runs in it. What joins the services of one environment is
    rendered with each service (`identity.py`): a policy cannot say "with the same label as mine"."""
    namespace = namespace_of(workspace.slug)
    return [
        _namespace(namespace, workspace),
        *_own_rights(namespace, surroundings.account),
        _quota(namespace),
        _limits(namespace),
        *_policies(namespace, surroundings.neighbours, surroundings.injector.vault_port),
    ]


def _namespace(namespace: str, workspace: Workspace) -> dict[str, Any]:
    labels = {"ancla.dev/workspace": workspace.slug, "ancla.dev/workspace-id": workspace.id, **POD_SECURITY}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {**labels, **_MANAGED}}}


def _own_rights(namespace: str, account: str) -> list[dict[str, Any]]:
    """Ancla gives itself its rights in the one namespace: it has none in those of others."""
    if not account:
        return []
    where, _, name = account.partition("/")
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": WORKSPACE_ROLE}
    subject = {"kind": "ServiceAccount", "namespace": where, "name": name}
    metadata = {"name": "ancla", "namespace": namespace, "labels": dict(_MANAGED)}
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding"}
    return [{**kind, "metadata": metadata, "roleRef": role, "subjects": [subject]}]


def _quota(namespace: str) -> dict[str, Any]:
    return _object("v1", "ResourceQuota", namespace, "workspace", {"hard": dict(QUOTA)})


def _limits(namespace: str) -> dict[str, Any]:
    limit = {
        "type": "Container",
        "default": {"memory": "512Mi"},
        "defaultRequest": {"cpu": "50m", "memory": "128Mi"},
    }
    return _object("v1", "LimitRange", namespace, "containers", {"limits": [limit]})


def _policies(namespace: str, neighbours: Neighbours, vault_port: int) -> list[dict[str, Any]]:
    # Policies see the port that the pod of a DNS service listens on: some listen above 1024, and need no rights for that.
    dns_ports = [{"protocol": protocol, "port": port} for port in (53, 5353) for protocol in ("UDP", "TCP")]
    dns = [_peer(neighbours.dns), {"ipBlock": {"cidr": LOCAL_DNS}}]
    consul, vault = _peer(neighbours.consul), _peer(neighbours.vault)
    return [
        # The empty lists are said, so that rules which others add to it are taken away again.
        _policy(namespace, "deny-all", {"policyTypes": ["Ingress", "Egress"], "ingress": [], "egress": []}),
        _policy(namespace, "allow-dns", {"policyTypes": ["Egress"], "egress": [{"to": dns, "ports": dns_ports}]}),
        _policy(namespace, "allow-consul", {"policyTypes": ["Egress"], "egress": [{"to": [consul], "ports": _tcp(8500, 8501, 8502)}]}),
        _policy(namespace, "allow-consul-checks", {"policyTypes": ["Ingress"], "ingress": [{"from": [consul], "ports": _tcp(8000)}]}),
        _policy(namespace, "allow-vault", {"policyTypes": ["Egress"], "egress": [{"to": [vault], "ports": _tcp(vault_port)}]}),
        _policy(
            namespace,
            "allow-ingress",
            {"policyTypes": ["Ingress"], "ingress": [{"from": [_peer(neighbours.ingress)], "ports": _tcp(8000)}]},
        ),
        _policy(
            namespace,
            "allow-acme",
            {
                "podSelector": {"matchLabels": ACME_SOLVER},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [_peer(neighbours.ingress)], "ports": _tcp(ACME_PORT)}],
            },
        ),
        _policy(namespace, "allow-internet", {"policyTypes": ["Egress"], "egress": [{"to": _internet(neighbours)}]}),
    ]


def _internet(neighbours: Neighbours) -> list[dict[str, Any]]:
    """Everywhere but the cluster's inside and the link-local networks, where clouds answer with a machine's credentials."""
    return [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": [*neighbours.inner_networks, "169.254.0.0/16"]}},
        {"ipBlock": {"cidr": "::/0", "except": [*neighbours.inner_networks_v6, "fe80::/10"]}},
    ]


def _tcp(*ports: int) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def _peer(where: str) -> dict[str, Any]:
    """A namespace, or a range of addresses."""
    return {"ipBlock": {"cidr": where}} if "/" in where else {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: where}}}


def _policy(namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return _object("networking.k8s.io/v1", "NetworkPolicy", namespace, name, {"podSelector": {}, **spec})


def _object(api_version: str, kind: str, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": dict(_MANAGED)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


_MANAGED = {"app.kubernetes.io/managed-by": "ancla"}
