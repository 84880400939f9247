"""What the cluster collects between the moment in which Ancla reads it and that in which it writes it, on a real Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.writes import find_present, write
from tests.contracts.cluster_kubernetes import KubernetesWorld
from tests.contracts.cluster_samples import config_map


@pytest.fixture
def world(real_cluster: KubernetesWorld) -> Iterator[KubernetesWorld]:
    yield real_cluster
    real_cluster.forget("ConfigMap", "vanishing")


def test_what_vanished_since_it_was_read_is_made_anew(world: KubernetesWorld) -> None:
    api, wanted = Api(world.kubeconfig), config_map("vanishing", ["true"])
    write(api, wanted, None, lambda there: True)
    read = find_present(api, wanted)
    world.forget("ConfigMap", "vanishing")

    made = write(api, wanted, read, lambda there: True)

    assert read is not None
    assert made["metadata"]["uid"] != read["metadata"]["uid"]
    assert world.get_object("ConfigMap", "vanishing")["data"] == wanted["data"]
