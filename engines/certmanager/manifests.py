"""cert-manager as objects of the cluster. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from engines.certmanager.recipes import HERE, IMAGE_NAME, PROGRAMS, SOLVER_IMAGE_NAME

NAMESPACE = "cert-manager"
CONTROLLER, INJECTOR, WEBHOOK = "cert-manager", "cert-manager-cainjector", "cert-manager-webhook"
CONFINED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
HEALTH_PORTS = {CONTROLLER: 9403, WEBHOOK: 6080}
"""Where they say whether they work; the injector has no such place."""


def render_objects(nameserver: str) -> str:
    """All but the definitions of the kinds. Hosts are looked up at that name server (host:port) before an ACME server is asked to."""
    texts = [(HERE / "objects" / f"{name}.yaml").read_text() for name in ("namespace", "rights", "admission")]
    return "---\n".join([*texts, *(json.dumps(manifest) + "\n" for manifest in render_programs(nameserver))])


def render_programs(nameserver: str) -> list[dict[str, Any]]:
    webhook_ports = [{"name": "https", "containerPort": 6443}]
    return [
        *_program("controller", CONTROLLER, controller_configuration(nameserver)),
        *_program("cainjector", INJECTOR, injector_configuration()),
        *_program("webhook", WEBHOOK, webhook_configuration(), webhook_ports),
    ]


def controller_configuration(nameserver: str) -> dict[str, Any]:
    return {
        **_kind("controller", "Controller"),
        "leaderElectionConfig": {"enabled": False},
        "clusterResourceNamespace": NAMESPACE,
        # A secret is removed with its certificate, and that with its Ingress: nothing is left of a service that is gone.
        "enableCertificateOwnerRef": True,
        "acmeHTTP01Config": {"solverImage": SOLVER_IMAGE_NAME, "solverNameservers": [nameserver]},
        # In spite of its name also how soon a check by HTTP is made again.
        "acmeDNS01Config": {"checkRetryPeriod": "1s"},
    }


def injector_configuration() -> dict[str, Any]:
    return {
        **_kind("cainjector", "CAInjector"),
        "leaderElectionConfig": {"enabled": False},
        "metricsListenAddress": "0",
        "enableDataSourceConfig": {"certificates": False},
        "enableInjectableConfig": {"customResourceDefinitions": False, "apiServices": False},
    }


def webhook_configuration() -> dict[str, Any]:
    names = [WEBHOOK, f"{WEBHOOK}.{NAMESPACE}", f"{WEBHOOK}.{NAMESPACE}.svc"]
    return {
        **_kind("webhook", "Webhook"),
        "healthzPort": HEALTH_PORTS[WEBHOOK],
        "metricsListenAddress": "0",
        "tlsConfig": {"dynamic": {"secretNamespace": NAMESPACE, "secretName": f"{WEBHOOK}-ca", "dnsNames": names}},
    }


def render_issuer(name: str, *, directory: str, authority: str, account: str, ingress_class: str) -> dict[str, Any]:
    """The issuer of certificates for all namespaces: an ACME server, and how to prove to it that a host is ours. `authority` is the
    base64 of the PEM that the server's own certificate is checked with, `account` the secret with the key of our account there."""
    # A service in front of the pod that answers; without this it would take a port of each node, which workspaces may not.
    solver = {"http01": {"ingress": {"ingressClassName": ingress_class, "serviceType": "ClusterIP"}}}
    acme = {"server": directory, "caBundle": authority, "privateKeySecretRef": {"name": account}, "solvers": [solver]}
    return {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": name}, "spec": {"acme": acme}}


def _kind(program: str, kind: str) -> dict[str, Any]:
    return {"apiVersion": f"{program}.config.cert-manager.io/v1alpha1", "kind": f"{kind}Configuration"}


def _program(
    program: str, name: str, configuration: Mapping[str, Any], ports: Sequence[Mapping[str, Any]] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    text = json.dumps(configuration, indent=2)
    metadata = {"name": name, "namespace": NAMESPACE}
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"config.yaml": text}}
    labels = {"app": program}
    # The configuration is read once, and an image that was built anew has the same name: either is another pod.
    marks = {"ancla.dev/configuration": hashlib.sha256(text.encode()).hexdigest(), "ancla.dev/built": PROGRAMS.slug}
    pod = {
        "serviceAccountName": name,
        "enableServiceLinks": False,
        # Hosts are looked up as they are. With the cluster's own domains added first, as is usual in pods, the name server of the set,
        # which knows an address for every name, would answer for another name.
        "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
        "containers": [_container(program, name, ports)],
        "volumes": [{"name": "config", "configMap": {"name": name}}],
    }
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "strategy": {"type": "Recreate"},
        "template": {"metadata": {"labels": labels, "annotations": marks}, "spec": pod},
    }
    return held, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def _container(program: str, name: str, ports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": program,
        "image": IMAGE_NAME,
        "imagePullPolicy": "IfNotPresent",
        "args": [program, "-config=/etc/cert-manager/config.yaml"],
        "ports": [*ports],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "securityContext": CONFINED,
        "volumeMounts": [{"name": "config", "mountPath": "/etc/cert-manager", "readOnly": True}],
    }
    if name in HEALTH_PORTS:
        path = "/healthz" if name == WEBHOOK else "/livez"
        container["readinessProbe"] = {"httpGet": {"path": path, "port": HEALTH_PORTS[name]}, "periodSeconds": 1}
    return container
