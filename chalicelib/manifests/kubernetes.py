"""A snapshot as Kubernetes objects. Pure: the same snapshot gives the same bytes; counts, fence and owner come on afterwards.

What callers need of the other renderers for the cluster is passed on here, so that they import one module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.addresses import Address
from chalicelib.domain.fences import Phase
from chalicelib.domain.hierarchy import count_of
from chalicelib.domain.procfile import RELEASE, WEB
from chalicelib.domain.snapshots import Snapshot
from chalicelib.manifests import names
from chalicelib.manifests.commands import command_of
from chalicelib.manifests.identity import render_identity
from chalicelib.manifests.pods import PORT, PodPlan, render_envconsul_maps, render_pod_spec
from chalicelib.manifests.shared import render_shared
from chalicelib.manifests.surroundings import SURROUNDINGS, Surroundings
from chalicelib.ports.cluster import Manifest

__all__ = [
    "RELEASE_GATE",
    "render_anchor",
    "render_identity",
    "render_release_config",
    "render_release_pod",
    "render_set",
    "render_shared",
    "with_counts",
]

RELEASE_GATE = "ancla.dev/release"
HISTORY = 2
SETTLE = 3
"""Seconds that a process without a health check must stay up to count as healthy."""


def render_set(
    address: Address,
    service_id: str,
    snapshot: Snapshot,
    *,
    snapshot_hash: str,
    apps_domain: str,
    tls: bool,
    surroundings: Surroundings = SURROUNDINGS,
) -> list[Manifest]:
    """All that runs for a snapshot: a Deployment for each process type (and its envconsul ConfigMap), Service and Ingress for web.
    Raises Invalid (nothing_to_run) where a process has no command."""
    plans = [
        PodPlan(
            address=address,
            service_id=service_id,
            snapshot=snapshot,
            snapshot_hash=snapshot_hash,
            process=process,
            command=command_of(process, text),
            surroundings=surroundings,
        )
        for process, text in sorted(snapshot.processes.items())
    ]
    manifests: list[Manifest] = [config for plan in plans for config in render_envconsul_maps(plan)]
    manifests += map(_deployment, plans)
    if WEB in snapshot.processes:
        manifests += [_service(address, service_id), _ingress(address, service_id, apps_domain, surroundings, tls=tls)]
    return manifests


def with_counts(manifests: Sequence[Manifest], counts: Mapping[str, int]) -> list[Manifest]:
    """The same set with the wanted replicas on each Deployment (one where nothing was set)."""
    return [_counted(manifest, counts) if manifest["kind"] == "Deployment" else manifest for manifest in manifests]


def render_release_pod(
    address: Address, service_id: str, snapshot: Snapshot, *, snapshot_hash: str, turn: int, surroundings: Surroundings = SURROUNDINGS
) -> Manifest:
    """The pod that runs the release command once. It is gated, so that its UID can be recorded before anything runs; its ConfigMap
    (`render_release_config`) is applied before it."""
    plan = _release_plan(address, service_id, snapshot, snapshot_hash=snapshot_hash, surroundings=surroundings)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": names.release_pod_name(address, service_id, turn), "namespace": plan.namespace, "labels": plan.labels},
        "spec": {"restartPolicy": "Never", "schedulingGates": [{"name": RELEASE_GATE}], **render_pod_spec(plan)},
    }


def render_release_config(
    address: Address, service_id: str, snapshot: Snapshot, *, snapshot_hash: str, surroundings: Surroundings = SURROUNDINGS
) -> Sequence[Manifest]:
    """The envconsul ConfigMap that the release pod mounts, if it does."""
    return render_envconsul_maps(_release_plan(address, service_id, snapshot, snapshot_hash=snapshot_hash, surroundings=surroundings))


def render_anchor(address: Address, service_id: str, turn: int, phase: Phase) -> Manifest:
    """The object that owns all that one turn (or its revert) applies."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": names.anchor_name(address, service_id, turn, phase),
            "namespace": names.namespace_of(address.workspace),
            "labels": {**names.labels_of(address, service_id), names.ANCHOR_LABEL: "true"},
        },
        "data": {"phase": phase.name.lower(), "turn": str(turn)},
    }


def _release_plan(address: Address, service_id: str, snapshot: Snapshot, *, snapshot_hash: str, surroundings: Surroundings) -> PodPlan:
    return PodPlan(
        address=address,
        service_id=service_id,
        snapshot=snapshot,
        snapshot_hash=snapshot_hash,
        process=RELEASE,
        command=command_of(RELEASE, snapshot.release_command),
        surroundings=surroundings,
    )


def _deployment(plan: PodPlan) -> Manifest:
    spec: dict[str, Any] = {
        "selector": {"matchLabels": names.selector_of(plan.service_id, plan.process)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
        # Kubernetes wants it to be longer than minReadySeconds.
        "progressDeadlineSeconds": max(plan.snapshot.deployment_timeout, SETTLE + 1),
        "revisionHistoryLimit": HISTORY,
        "template": {"metadata": {"labels": plan.labels}, "spec": render_pod_spec(plan)},
    }
    if plan.process != WEB:
        spec["minReadySeconds"] = SETTLE
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": names.resource_name(plan.address, plan.process), "namespace": plan.namespace, "labels": plan.labels},
        "spec": spec,
    }


def _counted(deployment: Manifest, counts: Mapping[str, int]) -> Manifest:
    process = deployment["metadata"]["labels"][names.PROCESS_LABEL]
    return {**deployment, "spec": {**deployment["spec"], "replicas": count_of(counts, process)}}


def _service(address: Address, service_id: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _web_metadata(address, service_id),
        "spec": {
            "type": "ClusterIP",
            "selector": names.selector_of(service_id, WEB),
            "ports": [{"name": "http", "port": 80, "targetPort": PORT}],
        },
    }


def _ingress(address: Address, service_id: str, apps_domain: str, surroundings: Surroundings, *, tls: bool) -> Manifest:
    host = names.host_of(address, apps_domain)
    backend = {"service": {"name": names.resource_name(address), "port": {"name": "http"}}}
    metadata = _web_metadata(address, service_id)
    spec: dict[str, Any] = {
        "ingressClassName": surroundings.ingress_class,
        "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
    }
    if tls and surroundings.certificate_issuer:
        metadata["annotations"] = {"cert-manager.io/cluster-issuer": surroundings.certificate_issuer}
        spec["tls"] = [{"hosts": [host], "secretName": names.tls_secret_name(address)}]
    elif tls:
        spec["tls"] = [{"hosts": [host]}]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


def _web_metadata(address: Address, service_id: str) -> dict[str, Any]:
    return {
        "name": names.resource_name(address),
        "namespace": names.namespace_of(address.workspace),
        "labels": names.labels_of(address, service_id, WEB),
    }
