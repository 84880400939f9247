"""A worker that is held between its look at the cluster and its write there, on a real Kubernetes: what it writes then, it writes last
of all, and the cluster ends as if it had never woken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.kubernetes.api import Answer, Api
from chalicelib.adapters.kubernetes.cluster import KubernetesCluster
from chalicelib.domain.fences import Anchor, Fenced
from chalicelib.ports.cluster import ObjectRef
from tests.contracts.cluster_kubernetes import KubernetesWorld
from tests.contracts.cluster_samples import NAMESPACE, SERVICE_ID, WEB, anchor, config_map, fence, pod, web_set
from tests.contracts.cluster_world import eventually

WRITES = range(1, len(web_set()) + 1)


class HeldApi(Api):
    """Right before the write of that number, what others do meanwhile happens."""

    def __init__(self, kubeconfig: Path, number: int, meanwhile: Callable[[], object]) -> None:
        super().__init__(kubeconfig)
        self._left, self._meanwhile = number, meanwhile

    def create(self, path: str, body: Mapping[str, Any], **query: str) -> Answer:
        self._count()
        return super().create(path, body, **query)

    def patch(self, path: str, body: Any, content_type: str, **query: str) -> Answer:
        self._count()
        return super().patch(path, body, content_type, **query)

    def delete(self, path: str, body: Mapping[str, Any]) -> None:
        self._count()
        super().delete(path, body)

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._meanwhile()

    @property
    def held(self) -> bool:
        """Whether it ever came to that write."""
        return self._left <= 0


@pytest.fixture
def world(real_cluster: KubernetesWorld) -> Iterator[KubernetesWorld]:
    yield real_cluster
    real_cluster.clear()


def late_worker(world: KubernetesWorld, meanwhile: Callable[[], object], *, write: int = 1) -> tuple[KubernetesCluster, HeldApi]:
    api = HeldApi(world.kubeconfig, write, meanwhile)
    return KubernetesCluster(SystemClock(), api), api


def owners(world: KubernetesWorld) -> set[str]:
    return set(world.cluster.list_objects(NAMESPACE, SERVICE_ID).values())


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("before", [False, True], ids=["nothing ran", "it ran"])
def test_a_later_turn_that_was_through_meanwhile_keeps_all_that_it_wrote(world: KubernetesWorld, *, before: bool, write: int) -> None:
    if before:
        world.apply(web_set(env={"VERSION": "1"}, replicas=0), 1)
    first, second = world.cluster.ensure_anchor(anchor(2), fence(2)), world.cluster.ensure_anchor(anchor(3), fence(3))
    newer = [world.adapted(one) for one in web_set(env={"VERSION": "3"}, replicas=0)]
    cluster, api = late_worker(world, lambda: world.cluster.apply(newer, owner=second, fence=fence(3)), write=write)

    with pytest.raises(Fenced):
        cluster.apply([world.adapted(one) for one in web_set(env={"VERSION": "2"}, replicas=0)], owner=first, fence=fence(2))

    assert api.held
    assert owners(world) - {""} == {second.uid}
    env = world.get_object("Deployment", WEB)["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "VERSION", "value": "3"} in env


@pytest.mark.parametrize("write", WRITES)
def test_a_service_that_was_deleted_meanwhile_stays_deleted(world: KubernetesWorld, write: int) -> None:
    owner = world.cluster.ensure_anchor(anchor(1), fence(1))
    cluster, api = late_worker(world, lambda: _taken_down(world, owner), write=write)

    cluster.apply([world.adapted(one) for one in web_set(replicas=0)], owner=owner, fence=fence(1))

    assert api.held
    eventually(lambda: not world.cluster.list_objects(NAMESPACE, SERVICE_ID), within=world.patience)


def test_a_pod_that_is_made_for_a_deleted_service_vanishes_behind_its_gate(world: KubernetesWorld) -> None:
    owner = world.apply([config_map("release-config", ["true"])], 1)
    cluster, api = late_worker(world, lambda: _taken_down(world, owner))

    cluster.start_gated_pod(world.adapted(pod()), owner=owner, fence=fence(1))

    assert api.held
    eventually(lambda: not world.pods(), within=world.patience)


def test_the_gate_of_another_pod_of_that_name_is_not_lifted(world: KubernetesWorld) -> None:
    owner = world.apply([config_map("release-config", ["true"])], 1)
    uid = world.start_gated(pod(), owner, 1)

    def made_again() -> None:
        world.forget("Pod", "api-release-1", gracePeriodSeconds=0)
        eventually(lambda: world.find("Pod", "api-release-1") is None, within=world.patience)
        world.start_gated(pod(), owner, 1)

    cluster, api = late_worker(world, made_again)
    cluster.lift_gate(NAMESPACE, "api-release-1", uid)

    assert api.held
    assert world.get_object("Pod", "api-release-1")["spec"]["schedulingGates"]


def test_an_anchor_that_was_made_anew_is_not_deleted_for_the_one_before(world: KubernetesWorld) -> None:
    gone = world.cluster.ensure_anchor(anchor(1), fence(1))
    made: list[Anchor] = []

    def made_again() -> None:
        world.cluster.delete_anchor(gone)
        eventually(lambda: world.find("ConfigMap", gone.name) is None, within=world.patience)
        made.append(world.cluster.ensure_anchor(anchor(1), fence(1)))

    cluster, api = late_worker(world, made_again)
    cluster.delete_anchor(gone)

    assert api.held
    assert list(world.cluster.list_anchors(NAMESPACE, SERVICE_ID)) == made


def _taken_down(world: KubernetesWorld, owner: Anchor) -> None:
    world.cluster.delete_anchor(owner)
    ref = ObjectRef("ConfigMap", NAMESPACE, owner.name)
    eventually(lambda: ref not in world.cluster.list_objects(NAMESPACE, SERVICE_ID), within=world.patience)
