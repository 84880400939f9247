"""What every cluster adapter tells of the processor and memory that a service's pods use, and what a cluster without metrics means."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.cluster import KubernetesCluster
from chalicelib.domain.errors import AnclaError, Unavailable
from chalicelib.ports.cluster import PodUsage
from tests.contracts.cluster_samples import NAMESPACE, SERVICE_ID, WORKER, config_map, deployment, web_set
from tests.contracts.cluster_world import World, eventually
from tests.contracts.scripted import Script, Told, scripted

MIB = 1024 * 1024
PODS = f"/apis/metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/pods"
BUSY = """
held = bytearray(40 * 1024 * 1024)
held[::4096] = b"x" * len(held[::4096])
while True:
    sum(range(10_000))
"""
MEASURED_WITHIN = 60
"""Seconds. On a real cluster the kubelet looks every ten, and two looks are needed."""


@pytest.fixture
def world(any_cluster: World) -> World:
    return any_cluster


def usage(world: World) -> dict[str, PodUsage]:
    """By process type."""
    found = world.cluster.usage(NAMESPACE, SERVICE_ID)
    assert found is not None, "both clusters of the suite measure"
    return {one.process: one for one in found}


def test_pods_are_told_apart_by_what_they_use_and_are_gone_with_their_service(world: World) -> None:
    """One story, since on a real cluster measuring takes half a minute."""
    assert usage(world) == {}
    busy = [config_map("worker-config", ["python3", "-c", BUSY]), deployment(WORKER, "worker", config="worker-config")]
    owner = world.apply([*web_set(), *busy], 1)

    eventually(lambda: is_told_apart(usage(world)), within=MEASURED_WITHIN)

    found = usage(world)
    assert found["worker"].pod.startswith(WORKER) and set(found) == {"web", "worker"}
    assert 0 <= found["web"].cpu_millicores < found["worker"].cpu_millicores < 2000
    assert MIB < found["web"].memory_bytes < found["worker"].memory_bytes < 200 * MIB
    assert world.cluster.usage(NAMESPACE, "another-service") == []
    assert world.cluster.usage("ancla-nowhere", SERVICE_ID) == []

    world.cluster.delete_anchor(owner)
    eventually(lambda: usage(world) == {}, within=MEASURED_WITHIN)


def is_told_apart(found: dict[str, PodUsage]) -> bool:
    """How busy the worker gets is for the machine to say, which has other things to do."""
    if set(found) != {"web", "worker"}:
        return False
    web, worker = found["web"], found["worker"]
    return worker.cpu_millicores > 2 * web.cpu_millicores and worker.memory_bytes > web.memory_bytes + 20 * MIB


# -- Kubernetes, in good and in bad times -------------------------------------------------------------------------------------------


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Callable[[Script], KubernetesCluster]]:
    """A cluster whose API server answers as the test says."""
    with scripted(lambda asked: Told(404)) as server:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "a", "cluster": {"server": f"http://{server.address}"}}],
            "users": [{"name": "a", "user": {"token": "a"}}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "current-context": "a",
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(config))

        def cluster(script: Script) -> KubernetesCluster:
            server.answer = script
            return KubernetesCluster(SystemClock(), Api(tmp_path / "kubeconfig"))

        yield cluster


Cluster = Callable[[Script], KubernetesCluster]


def test_a_cluster_without_a_metrics_server_tells_nothing_and_that_is_no_error(told: Cluster) -> None:
    assert told(lambda asked: Told(404, "404 page not found\n")).usage(NAMESPACE, SERVICE_ID) is None


def test_a_namespace_that_is_not_there_has_no_pods(told: Cluster) -> None:
    assert told(lambda asked: Told(404, "{}") if "/namespaces/" in asked.path else Told(200, "{}")).usage(NAMESPACE, SERVICE_ID) == []


def test_a_metrics_server_that_is_away_is_told(told: Cluster) -> None:
    with pytest.raises(Unavailable, match="metrics server does not answer: service unavailable") as caught:
        told(lambda asked: Told(503, "service unavailable\n")).usage(NAMESPACE, SERVICE_ID)
    assert (caught.value.code, "v1beta1.metrics.k8s.io" in caught.value.hint) == ("metrics_unavailable", True)


def test_what_ancla_may_not_ask_is_told(told: Cluster) -> None:
    message = 'pods.metrics.k8s.io is forbidden: User "ancla" cannot list resource "pods" in API group "metrics.k8s.io"'
    refused = json.dumps({"kind": "Status", "reason": "Forbidden", "message": message})
    with pytest.raises(AnclaError, match="the metrics of pods: pods.metrics.k8s.io is forbidden") as caught:
        told(lambda asked: Told(403, refused) if asked.path.startswith("/apis/") else Told(200, '{"metadata": {}}')).usage(
            NAMESPACE, SERVICE_ID
        )
    assert caught.value.code == "cluster_forbidden"


def test_the_containers_of_a_pod_count_together_in_whatever_unit_they_are_told(told: Cluster) -> None:
    first = {"name": "app", "usage": {"cpu": "1337779n", "memory": "7572Ki"}}
    second = {"name": "beside", "usage": {"cpu": "2", "memory": "1M"}}
    labels = {"ancla.dev/process": "web"}
    items = [{"metadata": {"name": "b"}, "containers": []}, {"metadata": {"name": "a", "labels": labels}, "containers": [first, second]}]

    found = told(lambda asked: Told(200, json.dumps({"items": items})) if asked.path.startswith(PODS) else Told(404)).usage(
        NAMESPACE, SERVICE_ID
    )

    assert found == [
        PodUsage(pod="a", process="web", cpu_millicores=2001, memory_bytes=7572 * 1024 + 1_000_000),
        PodUsage(pod="b", process="", cpu_millicores=0, memory_bytes=0),
    ]
