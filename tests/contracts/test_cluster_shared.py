"""What the services of a workspace share on a real Kubernetes: put right at each deploy, and left alone where it is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from chalicelib.adapters.kubernetes.api import MERGE_PATCH, Answer
from chalicelib.adapters.kubernetes.kinds import place, place_of
from tests.contracts.cluster_kubernetes import KubernetesWorld
from tests.contracts.cluster_samples import NAMESPACE

ENFORCE = "pod-security.kubernetes.io/enforce"


@pytest.fixture
def world(real_cluster: KubernetesWorld) -> Iterator[KubernetesWorld]:
    yield real_cluster
    real_cluster.cluster.ensure_shared(real_cluster.shared, version=1)


def test_what_is_as_it_should_be_is_not_written_again(world: KubernetesWorld) -> None:
    world.cluster.ensure_shared(world.shared, version=1)
    before = versions(world)

    world.cluster.ensure_shared(world.shared, version=1)

    assert versions(world) == before


HARM: Mapping[str, tuple[str, str, dict[str, Any], Callable[[Answer], Any]]] = {
    "a weaker Pod Security": (
        "Namespace",
        NAMESPACE,
        {"metadata": {"labels": {ENFORCE: "privileged"}}},
        lambda it: it["metadata"]["labels"].get(ENFORCE),
    ),
    "no Pod Security": (
        "Namespace",
        NAMESPACE,
        {"metadata": {"labels": {ENFORCE: None}}},
        lambda it: it["metadata"]["labels"].get(ENFORCE),
    ),
    "a way out": ("NetworkPolicy", "deny-all", {"spec": {"egress": [{}]}}, lambda it: it["spec"].get("egress", [])),
    "a wider way out": ("NetworkPolicy", "allow-internet", {"spec": {"egress": [{}]}}, lambda it: it["spec"]["egress"]),
    "a higher quota": ("ResourceQuota", "workspace", {"spec": {"hard": {"pods": "9999"}}}, lambda it: it["spec"]["hard"]["pods"]),
    "no limits": ("LimitRange", "containers", {"spec": {"limits": []}}, lambda it: it["spec"]["limits"]),
}


@pytest.mark.parametrize("harm", HARM)
def test_what_others_changed_is_put_right(world: KubernetesWorld, harm: str) -> None:
    kind, name, change, read = HARM[harm]
    path = place(kind, NAMESPACE, name)
    right = read(world.api.get(path))
    world.api.patch(path, change, MERGE_PATCH)
    assert read(world.api.get(path)) != right

    world.cluster.ensure_shared(world.shared, version=1)

    assert read(world.api.get(path)) == right


def test_what_others_deleted_is_made_again(world: KubernetesWorld) -> None:
    world.forget("NetworkPolicy", "deny-all")

    world.cluster.ensure_shared(world.shared, version=1)

    assert world.find("NetworkPolicy", "deny-all") is not None


def test_an_older_version_of_the_workspace_changes_nothing(world: KubernetesWorld) -> None:
    world.cluster.ensure_shared(world.shared, version=1)
    older = [{**one, "metadata": {**one["metadata"], "labels": {**one["metadata"]["labels"], "late": "yes"}}} for one in world.shared]
    before = versions(world)

    world.cluster.ensure_shared(older, version=0)

    assert versions(world) == before


def versions(world: KubernetesWorld) -> list[str]:
    return [world.api.get(place_of(manifest))["metadata"]["resourceVersion"] for manifest in world.shared]
