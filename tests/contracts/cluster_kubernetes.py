"""A real Kubernetes for the cluster's contract: the one of the engines that run, in a namespace of its own."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.kubernetes.api import Answer, Api
from chalicelib.adapters.kubernetes.cluster import KubernetesCluster
from chalicelib.adapters.kubernetes.kinds import collection, place
from chalicelib.adapters.kubernetes.refusals import Refusal
from chalicelib.adapters.kubernetes.rollouts import Patience
from chalicelib.domain.hierarchy import Workspace
from chalicelib.manifests.pods import ENDPOINTS_LEAVE, NOBODY, PORT, RESTRICTED
from chalicelib.manifests.shared import render_shared
from chalicelib.manifests.surroundings import Surroundings
from chalicelib.ports.cluster import Manifest
from tests.contracts.cluster_samples import DIGEST, NAMESPACE, SERVER, SERVICE_ID, WORKSPACE
from tests.contracts.cluster_world import World, eventually
from tests.contracts.engines_home import engine_environment

NEEDED = ("ANCLA_KUBECONFIG", "ANCLA_ENGINES_KUBECONFIG", "ANCLA_INGRESS_ADDRESS", "ANCLA_TEST_IMAGE")
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ACCOUNT = "api-prod-shop"
PROGRAMS = "programs"
SERVICE_PODS = f"ancla.dev/service-id={SERVICE_ID}"
QUICK = Patience(unschedulable=2, unpullable=3, refused=2)

ENVCONSUL = """#!/usr/bin/env python3
import json, signal, subprocess, sys
command = json.load(open(sys.argv[1].partition("=")[2]))["exec"]["command"]
try:
    child = subprocess.Popen(command)
except FileNotFoundError:
    sys.exit(127)
except PermissionError:
    sys.exit(126)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, frame: child.send_signal(number))
code = child.wait()
sys.exit(code if code >= 0 else 255)
"""
"""Starts what the configuration says, in envconsul's place: the contract is about the cluster, and needs no vault."""


class KubernetesWorld(World):
    patience = 60
    beat = 4  # a node tells of what begins and ends about once in a second

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.kubeconfig = Path(environment["ANCLA_KUBECONFIG"])
        self.image = environment["ANCLA_TEST_IMAGE"]
        self.ingress_class = environment.get("ANCLA_INGRESS_CLASS", "local")
        host, _, port = environment["ANCLA_INGRESS_ADDRESS"].rpartition(":")
        self._address = host, int(port)
        self.cluster: KubernetesCluster = KubernetesCluster(SystemClock(), Api(self.kubeconfig), patience=QUICK)
        # The cluster is asked with Ancla's own few rights, what a test looks at beside it with all.
        self.api = Api(Path(environment["ANCLA_ENGINES_KUBECONFIG"]))
        workspace = Workspace(id="w", slug=WORKSPACE, name="Acme", created=AT, updated=AT)
        around = Surroundings(account=environment.get("ANCLA_KUBERNETES_ACCOUNT", ""))
        self.shared = render_shared(workspace, surroundings=around)

    def adapted(self, manifest: Manifest) -> Manifest:
        mine = copy.deepcopy(dict(manifest))
        match mine["kind"]:
            case "Deployment" if mine["spec"].get("template"):
                mine["spec"]["minReadySeconds"] = round(mine["spec"].get("minReadySeconds", 0) + 0.49)
                self._adapt_pod(mine["spec"]["template"]["spec"])
            case "Pod":
                self._adapt_pod(mine["spec"])
            case "Service":
                mine["spec"]["ports"] = [{"port": 80, "targetPort": PORT}]
            case "Ingress":
                mine["spec"]["ingressClassName"] = self.ingress_class
        return mine

    def processes(self) -> list[str]:
        return [pod["metadata"]["name"] for pod in self.pods() if pod["status"].get("phase") in {"Pending", "Running"}]

    def address(self) -> tuple[str, int]:
        return self._address

    def pods(self) -> list[Answer]:
        found: list[Answer] = self.api.get(collection("Pod", NAMESPACE), labelSelector=SERVICE_PODS)["items"]
        return found

    def find(self, kind: str, name: str) -> Answer | None:
        return self.api.find(place(kind, NAMESPACE, name))

    def get_object(self, kind: str, name: str) -> Answer:
        return self.api.get(place(kind, NAMESPACE, name))

    def clear(self) -> None:
        for one in self.cluster.list_anchors(NAMESPACE, SERVICE_ID):
            self.cluster.delete_anchor(one)
        eventually(lambda: not self.cluster.list_objects(NAMESPACE, SERVICE_ID), within=self.patience)
        for pod in self.pods():
            self.forget("Pod", pod["metadata"]["name"], gracePeriodSeconds=0)
        eventually(lambda: not self.pods(), within=self.patience)

    def forget(self, kind: str, name: str, **options: Any) -> None:
        """Deletes it, if it is there."""
        try:
            self.api.delete(place(kind, NAMESPACE, name), options)
        except Refusal as refusal:
            if refusal.status != 404:
                raise

    def _adapt_pod(self, spec: dict[str, Any]) -> None:
        container = spec["containers"][0]
        if DIGEST in container["image"]:
            container["image"] = self.image
        given = {entry["name"] for entry in container["env"]}
        container["env"] += [
            {"name": name, "value": value} for name, value in (("PORT", str(PORT)), ("ADDRESS", "0.0.0.0")) if name not in given
        ]
        for probe in (container[kind] for kind in ("startupProbe", "readinessProbe") if kind in container):
            probe["timeoutSeconds"] = max(1, int(probe["timeoutSeconds"]))
            container["lifecycle"] = {"preStop": {"sleep": {"seconds": ENDPOINTS_LEAVE}}}
            spec["terminationGracePeriodSeconds"] = ENDPOINTS_LEAVE + 5
        spec["securityContext"] = {"runAsNonRoot": True, "runAsUser": NOBODY, "seccompProfile": {"type": "RuntimeDefault"}}
        container["securityContext"] = RESTRICTED
        container["resources"] = {"limits": {"memory": "128Mi"}, "requests": {"cpu": "10m", "memory": "32Mi"}}
        container["workingDir"] = "/srv"
        container["volumeMounts"] = [
            {"name": "envconsul", "mountPath": "/etc/ancla"},
            {"name": PROGRAMS, "mountPath": "/srv/server.py", "subPath": "server.py"},
            {"name": "launcher", "mountPath": "/ancla/bin/envconsul", "subPath": "envconsul"},
        ]
        spec["volumes"] += [
            {"name": PROGRAMS, "configMap": {"name": PROGRAMS}},
            {"name": "launcher", "configMap": {"name": PROGRAMS, "defaultMode": 0o555}},
        ]
        spec["automountServiceAccountToken"] = False


@contextmanager
def started() -> Iterator[KubernetesWorld]:
    environment = engine_environment()
    missing = [name for name in NEEDED if not environment.get(name)]
    if missing:
        pytest.skip(f"the engines that run tell no {', '.join(missing)}")
    world = KubernetesWorld(environment)
    eventually(lambda: not _is_ending(world), within=60)
    world.cluster.ensure_shared(world.shared, version=1)
    for kind, name, content in (
        ("ServiceAccount", ACCOUNT, {}),
        ("ConfigMap", PROGRAMS, {"data": {"server.py": SERVER, "envconsul": ENVCONSUL}}),
    ):
        world.forget(kind, name)
        world.api.create(collection(kind, NAMESPACE), {"metadata": {"name": name}, **content})
    world.clear()
    try:
        yield world
    finally:
        world.api.delete(place("Namespace", "", NAMESPACE), {})


def _is_ending(world: KubernetesWorld) -> bool:
    namespace = world.api.find(place("Namespace", "", NAMESPACE))
    return namespace is not None and "deletionTimestamp" in namespace["metadata"]
