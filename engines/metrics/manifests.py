"""metrics-server as objects of the cluster. Pure."""

from __future__ import annotations

import base64
from string import Template
from typing import Any

from engines.metrics.recipes import HERE, IMAGE_NAME, PROGRAM

NAMESPACE = "kube-system"
NAME = "metrics-server"
GROUP, API_VERSION = "metrics.k8s.io", "v1beta1"
HOST = f"{NAME}.{NAMESPACE}.svc"
"""The name that the API server asks the certificate for."""


def render_server() -> str:
    """All but the certificate, in YAML."""
    return Template((HERE / "objects" / "server.yaml").read_text()).substitute(image=IMAGE_NAME, built=PROGRAM.slug)


def render_certificate(certificate: str, key: str) -> dict[str, Any]:
    metadata = {"name": NAME, "namespace": NAMESPACE}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": metadata,
        "stringData": {"tls.crt": certificate, "tls.key": key},
    }


def render_api(authority: str) -> dict[str, Any]:
    """Makes the server a part of the cluster's API. Its certificate has to come from that authority (PEM)."""
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{API_VERSION}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "version": API_VERSION,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"name": NAME, "namespace": NAMESPACE},
            "caBundle": base64.b64encode(authority.encode()).decode(),
        },
    }
