"""The cluster and BuildKit, played by an API server that answers as one does in good and in bad times."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.doctor.buildkit import judge_secret, look_at_buildkit
from chalicelib.doctor.cluster import judge_version, login, look_at_cluster
from chalicelib.doctor.examinations import Examination, examine
from chalicelib.doctor.findings import Finding, Verdict
from chalicelib.doctor.trials import Trial, judge_late, render_trial, run_trial
from chalicelib.settings import BuildKitSettings, KubernetesSettings, read_settings
from tests.contracts.scripted import Asked, Scripted, Told, scripted
from tests.doctor.test_rights import roles

WALL = 'namespaces "x" is forbidden: denied request: the namespace x is no workspace: Ancla has no business in it'
ENDED = {"containerStatuses": [{"name": "trial", "state": {"terminated": {"exitCode": 0}}}]}


@dataclass
class Cluster:
    """An API server in which all is well, but for what a test takes away."""

    forbidden: set[str] = field(default_factory=set)
    """Resources that Ancla may do nothing with."""
    missing: set[str] = field(default_factory=set)
    """The last parts of paths under which nothing is."""
    pod: dict[str, Any] = field(default_factory=lambda: ENDED)
    wall: bool = True
    version: str = "v1.34.4"
    removed: list[str] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, asked: Asked) -> Told:
        path, _, query = asked.path.partition("?")
        if path.rpartition("/")[2] in self.missing:
            return refused(404, "not found")
        match asked.method, path:
            case "GET", "/version":
                return told({"gitVersion": self.version})
            case "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
                attributes = json.loads(asked.body)["spec"]["resourceAttributes"]
                return told({"status": {"allowed": attributes["resource"] not in self.forbidden}})
            case "POST", "/api/v1/namespaces":
                assert query == "dryRun=All"
                return refused(403, WALL) if self.wall else told({})
            case "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/ancla-workspace":
                return told({"rules": roles("ancla/roles.yaml")["ancla-workspace"]})
            case "POST", "/apis/batch/v1/namespaces/ancla-builds/jobs":
                self.jobs.append(json.loads(asked.body))
                return told({"metadata": {"name": f"{self.jobs[-1]['metadata']['generateName']}x7f2a", "uid": "uid-of-job"}})
            case "GET", "/api/v1/namespaces/ancla-builds/pods":
                assert "uid-of-job" in query
                return told({"items": [{"metadata": {"name": "pod"}, "status": self.pod}]})
            case "GET", "/api/v1/namespaces/ancla-builds/pods/pod/log":
                return Told(200, "error: failed to list workers:\ntls: bad certificate\n")
            case "DELETE", _:
                self.removed.append(path.rpartition("/")[2])
                return told({})
        return told({"data": dict.fromkeys(("ca.pem", "cert.pem", "key.pem"), "aGlkZGVu")})


def told(body: Any) -> Told:
    return Told(200, json.dumps(body))


def refused(status: int, message: str) -> Told:
    return Told(status, json.dumps({"kind": "Status", "message": message}))


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def server(cluster: Cluster) -> Iterator[Scripted]:
    with scripted(cluster.answer) as server:
        yield server


@pytest.fixture
def chosen(server: Scripted, tmp_path: Path) -> KubernetesSettings:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "a", "cluster": {"server": f"http://{server.address}"}}],
        "users": [{"name": "a", "user": {"token": "a-token-that-must-not-show"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    read = read_settings(
        {
            "ANCLA_CLUSTER": "kubernetes",
            "ANCLA_KUBECONFIG": str(tmp_path / "kubeconfig"),
            "ANCLA_KUBERNETES_ACCOUNT": "ancla/ancla",
            "ANCLA_INGRESS_ADDRESS": "127.0.0.1:80",
            **dict.fromkeys(("ANCLA_BUILDKIT_ADDRESS", "ANCLA_REGISTRY_ADDRESS"), "localhost:1"),
            "ANCLA_VAULT_ADDRESS": "https://localhost:1",
            **dict.fromkeys(("ANCLA_REGISTRY_SIGNING_KEY", "ANCLA_REGISTRY_SIGNING_CERT", "ANCLA_VAULT_TOKEN_FILE"), __file__),
        }
    )
    assert read.kubernetes
    return read.kubernetes


BUILDS = BuildKitSettings(
    address="tcp://buildkitd:1234", namespace="ancla-builds", image="buildkit:1", tls_secret="buildkit-client", bases=()
)


def of_cluster(chosen: KubernetesSettings) -> dict[str, Finding]:
    (found,) = examine([Examination("kubernetes", lambda: look_at_cluster(chosen, BUILDS))])
    return {finding.check: finding for finding in found.findings}


def of_buildkit(chosen: KubernetesSettings) -> dict[str, Finding]:
    (found,) = examine([Examination("buildkit", lambda: look_at_buildkit(BUILDS, chosen))])
    return {finding.check: finding for finding in found.findings}


def test_a_cluster_in_which_all_is_well(chosen: KubernetesSettings, cluster: Cluster) -> None:
    found = of_cluster(chosen)
    assert {check: finding.verdict.value for check, finding in found.items()} == {
        "version": "ok",
        "rights in the cluster": "ok",
        "rights in workspaces": "ok",
        "admission policy": "ok",
        "ingress class": "ok",
        "metrics API": "ok",
        "envconsul image": "ok",
        "envconsul": "ok",
    }
    assert cluster.removed == [f"{job['metadata']['generateName']}x7f2a" for job in cluster.jobs], "what was tried is removed again"


def test_rights_that_are_missing_are_named_one_by_one(chosen: KubernetesSettings, cluster: Cluster) -> None:
    cluster.forbidden = {"rolebindings", "jobs"}
    assert of_cluster(chosen)["rights in the cluster"].seen.endswith(
        "may not: create rolebindings.rbac.authorization.k8s.io, get rolebindings.rbac.authorization.k8s.io ancla, "
        "patch rolebindings.rbac.authorization.k8s.io ancla"
    )
    assert "in 'ancla-builds': get jobs.batch, create jobs.batch" in of_buildkit(chosen)["rights"].seen


def test_an_account_with_all_rights_at_once_is_asked_about_them_all(chosen: KubernetesSettings, cluster: Cluster) -> None:
    cluster.forbidden = {"deployments"}
    found = of_cluster(replace(chosen, account=""))
    assert "watch deployments.apps" in found["rights in the cluster"].seen
    assert "rights in workspaces" not in found and "admission policy" not in found


def test_an_account_that_nothing_keeps_to_workspaces_is_warned_of(chosen: KubernetesSettings, cluster: Cluster) -> None:
    cluster.wall = False
    found = of_cluster(chosen)["admission policy"]
    assert found.verdict is Verdict.WARNING and "admission.yaml" in found.hint


@pytest.mark.parametrize(("gone", "check"), [("nginx", "ingress class"), ("ancla-workspace", "rights in workspaces")])
def test_what_is_not_in_the_cluster_is_named(chosen: KubernetesSettings, cluster: Cluster, gone: str, check: str) -> None:
    cluster.missing = {gone}
    found = of_cluster(chosen)[check]
    assert found.verdict is Verdict.FAILED and gone in found.seen


def test_a_cluster_without_a_metrics_server_is_warned_of_and_nothing_else_is_said(chosen: KubernetesSettings, cluster: Cluster) -> None:
    cluster.missing = {"v1beta1"}
    found = of_cluster(chosen)
    assert {check for check, finding in found.items() if finding.verdict is not Verdict.OK} == {"metrics API"}
    assert found["metrics API"].verdict is Verdict.WARNING and "metrics-server" in found["metrics API"].hint


@pytest.mark.parametrize(("gone", "check"), [("ancla-builds", "namespace"), ("buildkit-client", "client Secret")])
def test_without_a_place_or_a_certificate_nothing_is_tried(chosen: KubernetesSettings, cluster: Cluster, gone: str, check: str) -> None:
    cluster.missing = {gone}
    found = of_buildkit(chosen)
    assert list(found)[-1] == check and found[check].verdict is Verdict.FAILED
    assert cluster.jobs == []


def test_a_buildkit_that_refuses_says_why(chosen: KubernetesSettings, cluster: Cluster) -> None:
    cluster.pod = {"containerStatuses": [{"name": name, "state": {"terminated": {"exitCode": 1}}} for name in ("trial", "patient")]}
    found = of_buildkit(chosen)["BuildKit"]
    assert (found.verdict, found.seen) == (Verdict.FAILED, "error: failed to list workers: tls: bad certificate")
    assert len(cluster.removed) == 1


def test_where_something_waits_for_an_answer_that_decides(chosen: KubernetesSettings, cluster: Cluster) -> None:
    """A first failure may be that of a network policy which does not know the pod yet."""
    refused = {"name": "trial", "restartCount": 1, "state": {"terminated": {"exitCode": 1}}}
    trial = Trial(name="x", namespace="ancla-builds", image="i:1", command=("c",), resources={}, patient=("c", "--wait"))
    cluster.pod = {"containerStatuses": [refused, {"name": "patient", "state": {"running": {}}}]}
    assert run_trial(login(chosen), trial, seconds=0.3).said == "the command got no answer"
    cluster.pod = {"containerStatuses": [refused, {"name": "patient", "state": {"terminated": {"exitCode": 0}}}]}
    assert run_trial(login(chosen), trial, seconds=0.3).verdict is Verdict.OK
    cluster.pod = {"containerStatuses": [refused, {"name": "patient", "state": {"terminated": {"exitCode": 1}}}]}
    ended = run_trial(login(chosen), trial, seconds=0.3)
    assert (ended.verdict, ended.said) == (Verdict.FAILED, "error: failed to list workers: tls: bad certificate")


def test_no_secret_is_shown(chosen: KubernetesSettings) -> None:
    said = f"{of_cluster(chosen)} {of_buildkit(chosen)}"
    assert "aGlkZGVu" not in said and "must-not-show" not in said


@pytest.mark.parametrize(
    ("version", "verdict"),
    [("v1.30.9", "failed"), ("v1.31.0", "ok"), ("v1.34.4+k3s1", "ok"), ("v1.99.0", "warning"), ("", "failed")],
)
def test_versions(version: str, verdict: str) -> None:
    assert judge_version(version).verdict == verdict


@pytest.mark.parametrize(
    ("image", "verdict"),
    [
        ("hashicorp/envconsul:0.13.2", "ok"),
        ("registry:5000/envconsul@sha256:abc", "ok"),
        ("registry:5000/envconsul", "warning"),
        ("hashicorp/envconsul:latest", "warning"),
    ],
)
def test_an_image_that_may_be_another_one_tomorrow_is_warned_of(chosen: KubernetesSettings, image: str, verdict: str) -> None:
    assert of_cluster(replace(chosen, envconsul_image=image))["envconsul image"].verdict == verdict


@pytest.mark.parametrize("lacking", ["ca.pem", "cert.pem", "key.pem"])
def test_a_key_that_the_secret_lacks_is_named(lacking: str) -> None:
    found = judge_secret("buildkit-client", {key: "x" for key in ("ca.pem", "cert.pem", "key.pem") if key != lacking})
    assert found.verdict is Verdict.FAILED and lacking in found.seen


@pytest.mark.parametrize(
    ("pods", "verdict", "said"),
    [
        ([], "failed", "has no pod"),
        ([{"state": {"running": {}}}], "failed", "got no answer"),
        ([{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}], "failed", "no such image"),
        ([{"state": {"waiting": {"reason": "ContainerCreating"}}}], "warning", ""),
    ],
)
def test_what_it_means_that_time_is_up(pods: list[dict[str, Any]], verdict: str, said: str) -> None:
    made = [{"metadata": {"name": "pod"}, "status": {"containerStatuses": [{"name": "trial", **pod}]}} for pod in pods]
    ended = judge_late(made)
    assert ended.verdict == verdict and said in ended.said


def test_a_pod_that_only_lets_the_network_know_it_has_not_been_refused_an_answer() -> None:
    waiting = [{"name": name, "state": {"waiting": {"reason": "PodInitializing"}}} for name in ("trial", "patient")]
    first = [{"name": "first", "state": {"running": {}}}]
    ended = judge_late([{"metadata": {"name": "pod"}, "status": {"initContainerStatuses": first, "containerStatuses": waiting}}])
    assert ended.verdict is Verdict.WARNING


def test_a_trial_is_a_pod_that_a_restricted_namespace_with_a_quota_takes() -> None:
    trial = Trial(
        name="x",
        namespace="ancla-builds",
        image="i:1",
        command=("c",),
        resources={"limits": {"memory": "1Mi"}},
        secrets={"/tls": "s"},
        empty=("/out",),
    )
    spec = render_trial(trial)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] and not spec["automountServiceAccountToken"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/out", "/tls"]
    assert spec["volumes"][1]["secret"] == {"secretName": "s"}
