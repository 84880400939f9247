"""The way to a real Kubernetes, and what is in its way: a wrong certificate, credentials that are worth nothing, a namespace that goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.kubernetes.api import MERGE_PATCH, Api
from chalicelib.adapters.kubernetes.cluster import KubernetesCluster
from chalicelib.adapters.kubernetes.kinds import collection, place
from chalicelib.domain.errors import Unavailable
from tests.contracts.cluster_kubernetes import KubernetesWorld
from tests.contracts.cluster_samples import NAMESPACE, SERVICE_ID, anchor, config_map, fence
from tests.contracts.cluster_world import eventually
from tests.contracts.engines_home import engine_environment

LENT = "lent"
"""An account of the test's own, with Ancla's rights in the namespace."""


@pytest.fixture
def world(real_cluster: KubernetesWorld) -> Iterator[KubernetesWorld]:
    yield real_cluster
    for kind in ("ServiceAccount", "RoleBinding"):
        real_cluster.forget(kind, LENT)
    real_cluster.clear()


def test_a_certificate_of_another_authority_is_told(world: KubernetesWorld, tmp_path: Path) -> None:
    """What Vault's certificate is checked with is not what the API server's was signed by."""
    ours = cluster(kubeconfig(world, tmp_path, authority=Path(engine_environment()["ANCLA_VAULT_CA"])))

    with pytest.raises(Unavailable, match="is not trusted.*CERTIFICATE_VERIFY_FAILED") as caught:
        ours.list_objects(NAMESPACE, SERVICE_ID)

    assert caught.value.code == "cluster_untrusted"


def test_a_token_that_is_worth_nothing_any_more_is_told_and_a_new_one_is_taken(world: KubernetesWorld, tmp_path: Path) -> None:
    lend(world)
    path = kubeconfig(world, tmp_path, token=token(world))
    ours = cluster(path)
    owner = ours.ensure_anchor(anchor(1), fence(1))

    world.forget("ServiceAccount", LENT)
    eventually(lambda: is_refused(ours), within=world.patience)
    with pytest.raises(Unavailable, match="ConfigMap 'settings': Unauthorized: the cluster does not take Ancla's credentials"):
        ours.apply([config_map("settings", ["x"])], owner=owner, fence=fence(1))

    world.api.create(collection("ServiceAccount", NAMESPACE), {"metadata": {"name": LENT}})
    kubeconfig(world, tmp_path, token=token(world))
    ours.apply([config_map("settings", ["x"])], owner=owner, fence=fence(1))


def test_what_the_account_may_not_do_is_told_in_the_clusters_words(world: KubernetesWorld, tmp_path: Path) -> None:
    world.api.create(collection("ServiceAccount", NAMESPACE), {"metadata": {"name": LENT}})
    ours = cluster(kubeconfig(world, tmp_path, token=token(world)))

    with pytest.raises(Unavailable, match=f'serviceaccount:{NAMESPACE}:{LENT}" cannot get') as caught:
        ours.ensure_anchor(anchor(1), fence(1))

    assert caught.value.code == "cluster_forbidden"


def test_in_a_namespace_that_is_being_deleted_nothing_is_made_and_it_is_told(world: KubernetesWorld) -> None:
    """A finalizer of somebody else's keeps it from going at once, as a volume or a load balancer may."""
    name, leaving = f"{NAMESPACE}x", [rename(manifest, f"{NAMESPACE}x") for manifest in world.shared]
    world.cluster.ensure_shared(leaving, version=1)
    kept = {"metadata": {"name": "kept", "finalizers": ["example.org/keep"]}}
    world.api.create(collection("ConfigMap", name), kept)
    world.api.delete(place("Namespace", "", name), {})
    try:
        manifest = config_map("settings", ["x"])
        late = {**manifest, "metadata": {**manifest["metadata"], "namespace": name}}
        for attempt in (
            lambda: world.cluster.ensure_shared(leaving, version=2),
            lambda: world.cluster.ensure_anchor(late, fence(1)),
        ):
            with pytest.raises(Unavailable, match=f"{name}.* is being (deleted|terminated)") as caught:
                attempt()
            assert caught.value.code == "namespace_ending"
    finally:
        world.api.patch(place("ConfigMap", name, "kept"), {"metadata": {"finalizers": None}}, MERGE_PATCH)


def cluster(path: Path) -> KubernetesCluster:
    return KubernetesCluster(SystemClock(), Api(path))


def kubeconfig(world: KubernetesWorld, folder: Path, *, token: str = "", authority: Path | None = None) -> Path:
    """Ancla's own, with another token or certificate authority."""
    config = yaml.safe_load(world.kubeconfig.read_text())
    if token:
        config["users"][0]["user"] = {"token": token}
    if authority is not None:
        config["clusters"][0]["cluster"] |= {"certificate-authority": str(authority)}
        config["clusters"][0]["cluster"].pop("certificate-authority-data", None)
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def lend(world: KubernetesWorld) -> None:
    world.api.create(collection("ServiceAccount", NAMESPACE), {"metadata": {"name": LENT}})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "ancla-workspace"}
    subject = {"kind": "ServiceAccount", "namespace": NAMESPACE, "name": LENT}
    world.api.create(collection("RoleBinding", NAMESPACE), {"metadata": {"name": LENT}, "roleRef": role, "subjects": [subject]})


def token(world: KubernetesWorld) -> str:
    found = world.cluster.find_token(NAMESPACE, LENT, "https://kubernetes.default.svc.cluster.local")
    assert found is not None
    return found.reveal()


def is_refused(ours: KubernetesCluster) -> bool:
    """An API server remembers for some seconds whom it let in."""
    try:
        ours.list_objects(NAMESPACE, SERVICE_ID)
    except Unavailable as error:
        return error.code == "cluster_unauthorized"
    return False


def rename(manifest: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The shared object as another namespace has it."""
    metadata = {**manifest["metadata"], "name" if manifest["kind"] == "Namespace" else "namespace": namespace}
    return {**manifest, "metadata": metadata}
