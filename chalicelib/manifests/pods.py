"""The pod that every process of a service runs in. Where the service has secrets, envconsul starts the process with them; where it has
none, the process needs no Vault: it runs by itself (and envconsul, with no secret to wait for, would never start it)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.addresses import Address
from chalicelib.domain.procfile import WEB
from chalicelib.domain.snapshots import Snapshot
from chalicelib.manifests import envconsul, names
from chalicelib.manifests.commands import escaped
from chalicelib.manifests.surroundings import SURROUNDINGS, Injector, Surroundings
from chalicelib.manifests.vault import AUDIENCE

PORT = 8000
"""Where a web process listens; it reads it from the variable PORT."""
ENDPOINTS_LEAVE = 5
"""Seconds that a web pod goes on serving after it was told to stop, until no router sends it anything any more."""
GRACE_PERIOD = 30
TOKEN_SECONDS = 3600
NOBODY = 65534
CONTAINER = "app"
"""The process's container. Not named by the process type, which could then be called as the injecting one is."""

AS_NOBODY = {
    "runAsNonRoot": True,
    "runAsUser": NOBODY,
    "runAsGroup": NOBODY,
    "fsGroup": NOBODY,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Of a pod that is Ancla's own, such as a build's."""
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
RESOURCES = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
"""No limit on the CPU: an idle neighbour's share may be used."""
INJECTOR_RESOURCES = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPlan:
    """Which process of which snapshot of which service a pod is for."""

    address: Address
    service_id: str
    snapshot: Snapshot
    snapshot_hash: str
    process: str
    command: Sequence[str]
    surroundings: Surroundings = SURROUNDINGS

    @property
    def labels(self) -> dict[str, str]:
        return names.labels_of(self.address, self.service_id, self.process)

    @property
    def namespace(self) -> str:
        return names.namespace_of(self.address.workspace)

    @property
    def has_secrets(self) -> bool:
        return bool(self.snapshot.secret_names)

    @property
    def envconsul_text(self) -> str:
        return envconsul.config_text(
            envconsul.render_envconsul(
                service_id=self.service_id,
                snapshot_hash=self.snapshot_hash,
                command=self.command,
                injector=self.surroundings.injector,
            )
        )

    @property
    def envconsul_name(self) -> str:
        return names.envconsul_name(
            self.address, self.process, envconsul.config_hash(self.envconsul_text + self.surroundings.injector.vault_ca)
        )


def render_envconsul_maps(plan: PodPlan) -> list[dict[str, Any]]:
    """The ConfigMap with the pod's envconsul configuration, and the certificates that it checks Vault's with; none without secrets."""
    if not plan.has_secrets:
        return []
    authority = plan.surroundings.injector.vault_ca
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": plan.envconsul_name, "namespace": plan.namespace, "labels": plan.labels},
        "data": {envconsul.CONFIG_KEY: plan.envconsul_text, **({envconsul.CA_KEY: authority} if authority else {})},
    }
    return [config_map]


def render_pod_spec(plan: PodPlan) -> dict[str, Any]:
    """The pod's spec: restricted, without the cluster's own token, the image by digest. It depends on nothing but the plan."""
    spec: dict[str, Any] = {
        "serviceAccountName": names.account_of(plan.address),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "imagePullSecrets": [{"name": names.pull_secret_name(plan.address)}],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": GRACE_PERIOD,
        "containers": [_process_container(plan)],
    }
    if plan.has_secrets:
        return {**spec, "initContainers": [_injecting_container(plan.surroundings.injector)], "volumes": _volumes(plan)}
    # Else the process would be number 1, which the kernel keeps every signal from that it has no handler for.
    return {**spec, "shareProcessNamespace": True}


def _injecting_container(injector: Injector) -> dict[str, Any]:
    return {
        "name": "envconsul",
        "image": injector.image,
        "command": ["cp", injector.binary, envconsul.COMMAND[0]],
        "securityContext": {**RESTRICTED, "runAsUser": NOBODY},
        "resources": INJECTOR_RESOURCES,
        "volumeMounts": [{"name": "bin", "mountPath": envconsul.BINARY_DIRECTORY}],
    }


def _process_container(plan: PodPlan) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": plan.surroundings.image(plan.snapshot.image.reference),
        "command": list(envconsul.COMMAND) if plan.has_secrets else [escaped(word) for word in plan.command],
        "env": _environment(plan),
        "securityContext": {**RESTRICTED, "readOnlyRootFilesystem": False},
        "resources": RESOURCES,
    }
    if plan.has_secrets:
        container["volumeMounts"] = [
            {"name": "bin", "mountPath": envconsul.BINARY_DIRECTORY, "readOnly": True},
            {"name": "envconsul", "mountPath": envconsul.CONFIG_DIRECTORY, "readOnly": True},
            {"name": "vault-token", "mountPath": envconsul.TOKEN_DIRECTORY, "readOnly": True},
        ]
    return {**container, **_serving(plan.snapshot)} if plan.process == WEB else container


def _environment(plan: PodPlan) -> list[dict[str, str]]:
    plain = dict(plan.snapshot.plain)
    if plan.process == WEB:
        plain["PORT"] = str(PORT)
    return [{"name": name, "value": escaped(value)} for name, value in sorted(plain.items())]


def _serving(snapshot: Snapshot) -> dict[str, Any]:
    """What a web process has beyond the others: its port, its health checks and the pause in which its endpoint leaves."""
    get = {"path": snapshot.health_check_path, "port": PORT}
    return {
        "ports": [{"name": "http", "containerPort": PORT}],
        "startupProbe": {"httpGet": get, "periodSeconds": 1, "timeoutSeconds": 3, "failureThreshold": snapshot.deployment_timeout},
        "readinessProbe": {"httpGet": dict(get), "periodSeconds": 2, "timeoutSeconds": 3, "failureThreshold": 3},
        "lifecycle": {"preStop": {"sleep": {"seconds": ENDPOINTS_LEAVE}}},
    }


def _volumes(plan: PodPlan) -> list[dict[str, Any]]:
    token = {"audience": AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": envconsul.TOKEN_FILE}
    return [
        {"name": "bin", "emptyDir": {"sizeLimit": "64Mi"}},
        {"name": "envconsul", "configMap": {"name": plan.envconsul_name}},
        {"name": "vault-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]
