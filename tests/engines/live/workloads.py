"""What the tests put into the running cluster, and how they ask about it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engines.errors import Trouble
from engines.kubernetes.client import kubectl
from engines.kubernetes.recipes import SAMPLE_IMAGE
from engines.site import Site

CONFINED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What the restricted Pod Security level asks of a container."""


@dataclass(frozen=True, slots=True)
class Room:
    """A namespace of the running cluster."""

    site: Site
    namespace: str

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return kubectl(self.site, "--namespace", self.namespace, *words, stdin=stdin)

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": [*manifests]}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(listed))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return dict(json.loads(self.kubectl("get", kind, name, "--output=json")))

    def get_all(self, kind: str) -> list[dict[str, Any]]:
        return list(json.loads(self.kubectl("get", kind, "--output=json"))["items"])

    def wait(self, condition: str, *objects: str) -> None:
        self.kubectl("wait", f"--for={condition}", "--timeout=50s", *objects)

    def runs(self, pod: str, *words: str) -> str:
        """What the sample's client prints in a running pod. Raises Trouble where it fails."""
        return self.kubectl("exec", pod, "--", "/sample", *words)


def pod(name: str, *words: str, labels: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": SAMPLE_IMAGE, "args": [*words], "securityContext": CONFINED}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {**(labels or {})}},
        "spec": {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 1, **spec},
    }


def web(version: str, *, replicas: int = 2) -> list[dict[str, Any]]:
    """A web server with its service; it goes on serving for half a second after it was asked to end."""
    container = {
        "name": "main",
        "image": SAMPLE_IMAGE,
        "env": [{"name": "VERSION", "value": version}, {"name": "LINGER", "value": "0.5"}],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1},
        "securityContext": CONFINED,
    }
    labels = {"app": "web"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return [deployment, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": labels, "ports": ports}}]


def ingress(host: str) -> dict[str, Any]:
    backend = {"service": {"name": "web", "port": {"name": "http"}}}
    rules = [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
    metadata = {"name": "web"}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata,
        "spec": {"ingressClassName": "local", "rules": rules},
    }


def wait_until(holds: Callable[[], bool], within: float = 10) -> None:
    """Asks until it holds, ever more rarely, since a question may be a kubectl, which takes the engines' own time; what cannot be asked yet
    does not hold yet."""
    began = time.monotonic()
    while not _holds(holds):
        waited = time.monotonic() - began
        assert waited < within, "it did not come about in time"
        time.sleep(max(0.1, waited / 10))


def _holds(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except (Trouble, OSError):
        return False
