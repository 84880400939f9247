"""Ancla's own account keeps to the namespaces that are workspaces."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest

from engines.cluster import NAMESPACE, kubeconfig
from engines.commands import run
from engines.errors import Trouble
from engines.kubernetes.client import kubectl
from engines.kubernetes.network import NODE_NAME
from engines.kubernetes.recipes import PROGRAMS
from engines.site import Site

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
Manifest = dict[str, object]


@pytest.fixture
def workspace(site: Site) -> Iterator[str]:
    name = f"ancla-suite-{uuid.uuid4().hex[:8]}"
    yield name
    kubectl(site, "delete", "namespace", name, "--ignore-not-found", "--wait=false")


def as_ancla(site: Site, *words: str, stdin: str | None = None) -> str:
    return run([PROGRAMS.built(site.cache) / "kubectl", "--kubeconfig", kubeconfig(site), *words], stdin=stdin)


def apply(site: Site, manifest: Manifest) -> str:
    return as_ancla(site, "apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))


def namespace(name: str, labels: dict[str, str]) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def binding(where: str, *, role: str = "ancla-workspace", account: str = "ancla") -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "ancla", "namespace": where},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "namespace": NAMESPACE, "name": account}],
    }


def test_it_makes_a_workspace_and_then_works_in_it(site: Site, workspace: str) -> None:
    with pytest.raises(Trouble, match="cannot list resource"):
        as_ancla(site, "get", "secrets", f"--namespace={workspace}")
    apply(site, namespace(workspace, RESTRICTED))
    apply(site, binding(workspace))
    as_ancla(site, "wait", "--for=create", "serviceaccount/default", "--timeout=10s", f"--namespace={workspace}")
    assert as_ancla(site, "get", "secrets,deployments.apps,pods", f"--namespace={workspace}", "--output=name") == ""


@pytest.mark.parametrize("where", ["somewhere", "ancla", "ancla-builds"])
def test_it_makes_no_other_namespace(site: Site, where: str) -> None:
    with pytest.raises(Trouble, match="is no workspace"):
        apply(site, namespace(where, RESTRICTED))


def test_it_makes_no_workspace_whose_pods_may_do_more_than_they_need(site: Site, workspace: str) -> None:
    with pytest.raises(Trouble, match="enforce=restricted"):
        apply(site, namespace(workspace, {}))


@pytest.mark.parametrize("where", ["kube-system", "default", "ancla-builds"])
def test_it_binds_itself_nowhere_else(site: Site, where: str) -> None:
    with pytest.raises(Trouble, match="is no workspace"):
        apply(site, binding(where))


def test_it_gives_itself_no_greater_role(site: Site, workspace: str) -> None:
    apply(site, namespace(workspace, RESTRICTED))
    with pytest.raises(Trouble, match="attempting to grant RBAC permissions not currently held|the only role that Ancla hands out"):
        apply(site, binding(workspace, role="cluster-admin"))


def test_it_gives_its_role_to_nobody_else(site: Site, workspace: str) -> None:
    apply(site, namespace(workspace, RESTRICTED))
    with pytest.raises(Trouble, match="to itself alone"):
        apply(site, binding(workspace, account="somebody-else"))


@pytest.mark.parametrize(
    "words",
    [
        ("get", "secrets", "--all-namespaces"),
        ("get", "persistentvolumes"),
        ("get", f"--raw=/api/v1/nodes/{NODE_NAME}/proxy/pods"),
        ("get", "pods", "--namespace=kube-system"),
    ],
)
def test_it_reads_nothing_that_is_not_its_own(site: Site, words: tuple[str, ...]) -> None:
    with pytest.raises(Trouble, match="forbidden"):
        as_ancla(site, *words)
