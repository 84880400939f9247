"""Where the API server keeps the objects of each kind that Ancla writes or reads."""

from __future__ import annotations

from urllib.parse import quote

from chalicelib.ports.cluster import Manifest, Rejected

_PLURALS = {
    "ConfigMap": ("v1", "configmaps"),
    "Deployment": ("apps/v1", "deployments"),
    "Event": ("v1", "events"),
    "Ingress": ("networking.k8s.io/v1", "ingresses"),
    "Job": ("batch/v1", "jobs"),
    "LimitRange": ("v1", "limitranges"),
    "Namespace": ("v1", "namespaces"),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies"),
    "Pod": ("v1", "pods"),
    "ReplicaSet": ("apps/v1", "replicasets"),
    "ResourceQuota": ("v1", "resourcequotas"),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings"),
    "Secret": ("v1", "secrets"),
    "Service": ("v1", "services"),
    "ServiceAccount": ("v1", "serviceaccounts"),
}
OWNED = ("ConfigMap", "Deployment", "Ingress", "NetworkPolicy", "Secret", "Service", "ServiceAccount")
"""The kinds that a service's objects are of, pods aside. What controllers derive from them carries the same labels, but goes with
them."""


def collection(kind: str, namespace: str) -> str:
    """The path of all objects of the kind in the namespace."""
    version, plural = _PLURALS[kind]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{root}/{plural}" if kind == "Namespace" else f"{root}/namespaces/{quote(namespace, safe='')}/{plural}"


def place(kind: str, namespace: str, name: str) -> str:
    """The path of one object."""
    return f"{collection(kind, namespace)}/{quote(name, safe='')}"


def place_of(manifest: Manifest) -> str:
    """The path of the object that the manifest describes. Raises Rejected for one that no path can be made of."""
    kind, metadata = manifest.get("kind"), manifest.get("metadata") or {}
    known = _PLURALS.get(str(kind))
    if known is None or manifest.get("apiVersion") != known[0]:
        raise Rejected(f"{called(manifest)}: Ancla writes no objects of kind {kind!r} in version {manifest.get('apiVersion')!r}")
    if not metadata.get("name") or (kind != "Namespace" and not metadata.get("namespace")):
        raise Rejected(f"{called(manifest)}: metadata.name and metadata.namespace are needed")
    return place(str(kind), metadata.get("namespace", ""), metadata["name"])


def collection_of(manifest: Manifest) -> str:
    """Where the object that the manifest describes is created."""
    return place_of(manifest).rpartition("/")[0]


def called(manifest: Manifest) -> str:
    """The object as messages name it."""
    return f"{manifest.get('kind', 'object')} {(manifest.get('metadata') or {}).get('name', '')!r}"
