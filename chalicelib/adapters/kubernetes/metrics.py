"""What pods use, from the metrics API. It is an addition to Kubernetes that most clusters have: a server of its own answers for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from kubernetes.utils.quantity import parse_quantity  # type: ignore[import-untyped]

from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.refusals import Refusal, meaning
from chalicelib.domain.errors import Unavailable
from chalicelib.manifests.names import PROCESS_LABEL, SERVICE_LABEL
from chalicelib.ports.cluster import PodUsage

METRICS = "/apis/metrics.k8s.io/v1beta1"


def usage_of(api: Api, namespace: str, service_id: str) -> list[PodUsage] | None:
    """None where the cluster has no metrics API."""
    path = f"{METRICS}/namespaces/{quote(namespace, safe='')}/pods"
    try:
        answer = api.get(path, labelSelector=f"{SERVICE_LABEL}={service_id}")
    except Refusal as refusal:
        if refusal.status == 404:
            # Of the API, or of the namespace alone.
            return [] if has_metrics(api) else None
        raise _meaning(refusal) from refusal
    return sorted((pod_usage(item) for item in answer.get("items") or ()), key=lambda usage: usage.pod)


def has_metrics(api: Api) -> bool:
    """Whether the cluster has the metrics API. Raises Unavailable where it should, and nobody answers for it."""
    try:
        return api.find(METRICS) is not None
    except Refusal as refusal:
        raise _meaning(refusal) from refusal


def pod_usage(item: Mapping[str, Any]) -> PodUsage:
    """From a PodMetrics object."""
    metadata, used = item["metadata"], [container["usage"] for container in item["containers"]]
    return PodUsage(
        pod=metadata["name"],
        process=(metadata.get("labels") or {}).get(PROCESS_LABEL, ""),
        cpu_millicores=round(1000 * sum(parse_quantity(one["cpu"]) for one in used)),
        memory_bytes=round(sum(parse_quantity(one["memory"]) for one in used)),
    )


def _meaning(refusal: Refusal) -> Exception:
    if refusal.status != 503:
        return meaning(refusal, "the metrics of pods")
    return Unavailable(
        f"the cluster's metrics server does not answer: {refusal.message}",
        code="metrics_unavailable",
        hint="look at the APIService v1beta1.metrics.k8s.io, and at the pods of the Service that it names",
    )
