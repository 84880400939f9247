"""The manifests for users' clusters: valid, restricted where they can be, complete, and taken by a real API server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml
from kubernetes_validate.utils import all_versions, major_minor  # type: ignore[import-untyped]

from chalicelib.doctor.cluster import NEWEST_MINOR, OLDEST_MINOR
from chalicelib.manifests.shared import WORKSPACE_ROLE
from chalicelib.settings.engines import read_buildkit
from chalicelib.settings.values import Values
from engines.kubernetes.client import kubectl
from engines.site import Site
from tests.engines.running import running_site

CLUSTER = Path(__file__).parents[3] / "engines" / "cluster"
ROOMS = sorted(file.parent for file in CLUSTER.glob("*/kustomization.yaml"))
VERSIONS = sorted(version for version in {major_minor(one) for one in all_versions()} if OLDEST_MINOR <= int(version[2:]) <= NEWEST_MINOR)
CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
PRIVILEGED = {"buildkit"}
"""BuildKit makes containers itself."""
Manifest = dict[str, Any]


def kustomization(room: Path) -> Manifest:
    found: Manifest = yaml.safe_load((room / "kustomization.yaml").read_text())
    return found


def objects(room: Path) -> list[Manifest]:
    return [one for name in kustomization(room)["resources"] for one in yaml.safe_load_all((room / name).read_text())]


def namespace_of(room: Path, manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace") or kustomization(room).get("namespace", ""))


def pod_specs(room: Path) -> Iterator[Manifest]:
    for one in objects(room):
        if "template" in one.get("spec", {}):
            yield one["spec"]["template"]["spec"]


ALL = [(room, one) for room in ROOMS for one in objects(room)]
by_name = [f"{room.name}/{one['kind']}-{one['metadata']['name']}" for room, one in ALL]


def test_all_minor_versions_that_ancla_supports_are_known() -> None:
    assert [int(version[2:]) for version in VERSIONS] == list(range(OLDEST_MINOR, NEWEST_MINOR + 1))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("room", "manifest"), ALL, ids=by_name)
def test_every_object_is_one_that_the_api_knows(room: Path, manifest: Manifest, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_field_that_the_api_does_not_know_is_found() -> None:
    (wrong,) = [dict(one) for room, one in ALL if one["kind"] == "Deployment"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**wrong, "spec": {**wrong["spec"], "replica": 1}}, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_file_of_a_room_is_applied(room: Path) -> None:
    found = kustomization(room)
    named = {*found["resources"], *(file for maps in found.get("configMapGenerator", ()) for file in maps["files"])}
    beside = {file.name for file in room.iterdir()} - {"kustomization.yaml"}
    assert beside - named <= {"ancla.hcl"}, "a manifest that is not listed is one that nobody gets"


@pytest.mark.parametrize(("room", "manifest"), ALL, ids=by_name)
def test_every_object_has_a_namespace_that_the_same_room_makes(room: Path, manifest: Manifest) -> None:
    if manifest["kind"] in CLUSTER_WIDE:
        return
    made = {one["metadata"]["name"] for one in objects(room) if one["kind"] == "Namespace"}
    assert namespace_of(room, manifest) in made


@pytest.mark.parametrize("room", [room for room in ROOMS if list(pod_specs(room))], ids=lambda room: room.name)
def test_pods_have_no_login_for_the_cluster_and_are_restricted(room: Path) -> None:
    for spec in pod_specs(room):
        assert spec["automountServiceAccountToken"] is False
        privileged = any(one.get("securityContext", {}).get("privileged") for one in spec["containers"])
        assert privileged == (room.name in PRIVILEGED)
        assert all("limits" in one["resources"] for one in spec["containers"])


@pytest.mark.parametrize("room", [room for room in ROOMS if list(pod_specs(room)) or room.name == "builds"], ids=lambda room: room.name)
def test_where_pods_run_there_is_a_network_policy_for_both_ways(room: Path) -> None:
    policies = [one["spec"] for one in objects(room) if one["kind"] == "NetworkPolicy"]
    assert policies
    assert all(policy["policyTypes"] == ["Ingress", "Egress"] for policy in policies)


def test_no_rule_of_a_role_is_a_star() -> None:
    rules = [rule for _, one in ALL for rule in one.get("rules", ())]
    assert rules
    assert [rule for rule in rules if "*" in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}] == []


def test_names_are_those_that_the_settings_have_by_default() -> None:
    found = {(one["kind"], namespace_of(room, one), one["metadata"]["name"]) for room, one in ALL}
    builds = read_buildkit(Values({"ANCLA_BUILDKIT_ADDRESS": "tcp://buildkitd.buildkit.svc:1234"}))
    assert ("Namespace", builds.namespace, builds.namespace) in {(kind, name, name) for kind, _, name in found}
    assert ("Service", "buildkit", "buildkitd") in found
    assert ("ClusterRole", "", WORKSPACE_ROLE) in found
    (deployment,) = [one for room, one in ALL if room.name == "buildkit" and one["kind"] == "Deployment"]
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == builds.image


@pytest.fixture(scope="module")
def site() -> Site:
    return running_site()


@pytest.fixture(scope="module")
def namespace(site: Site) -> Iterator[str]:
    name = f"suite-manifests-{uuid.uuid4().hex[:8]}"
    kubectl(site, "create", "namespace", name)
    yield name
    kubectl(site, "delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_real_api_server_takes_them(site: Site, namespace: str, room: Path) -> None:
    """In a dry run, all in one namespace: those of the manifests need not be there."""
    rendered = list(yaml.safe_load_all(kubectl(site, "kustomize", str(room))))
    moved = [one if one["kind"] in CLUSTER_WIDE else {**one, "metadata": {**one["metadata"], "namespace": namespace}} for one in rendered]
    text = "\n---\n".join(json.dumps(one) for one in moved)
    said = kubectl(site, "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--field-manager=suite", "-f", "-", stdin=text)
    assert len(said.strip().splitlines()) == len(rendered)
