"""What a real Kubernetes says about what cannot run, told with its own words, and soon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.kubernetes.api import Answer, Api
from chalicelib.adapters.kubernetes.cluster import KubernetesCluster
from chalicelib.adapters.kubernetes.kinds import collection
from chalicelib.domain.fences import Anchor
from chalicelib.ports.cluster import PodEvidence, PodPhase, ProcessStatus, Rejected
from tests.contracts.cluster_kubernetes import KubernetesWorld
from tests.contracts.cluster_samples import (
    MISSING_DIGEST,
    NAMESPACE,
    SERVICE_ID,
    WEB,
    anchor,
    config_map,
    deployment,
    fence,
    pod,
    pull_secret,
    web_set,
)
from tests.contracts.cluster_world import eventually

SOON = 10
"""Seconds from the moment in which the cluster says it until Ancla does."""
QUOTA = "few"
NOBODY_LISTENS = "127.0.0.1:9"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def world(real_cluster: KubernetesWorld) -> Iterator[KubernetesWorld]:
    """With the patience that ships."""
    quick = real_cluster.cluster
    real_cluster.cluster = KubernetesCluster(SystemClock(), Api(real_cluster.kubeconfig))
    yield real_cluster
    real_cluster.cluster = quick
    real_cluster.forget("ResourceQuota", QUOTA)
    real_cluster.clear()


# -- pods that cannot run -----------------------------------------------------------------------------------------------------------


def test_a_process_that_ends_again_and_again_is_told_as_soon_as_it_has_ended_twice(world: KubernetesWorld) -> None:
    status = rolled_out(world, command=["python3", "-c", "raise SystemExit(3)"])

    assert (status.failure, status.message) == ("process_exited", "exited with code 3 before it was ready")
    assert seconds_since(last_end(world)["finishedAt"]) < SOON


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["no-such-command"], "executable file not found"),
        (["/no/such/command"], "no such file or directory"),
        (["/etc/passwd"], "permission denied"),
    ],
)
def test_a_command_that_the_image_has_not_is_told_at_once_in_the_nodes_words(
    world: KubernetesWorld, command: list[str], words: str
) -> None:
    status = rolled_out(world, change=lambda spec: spec["containers"][0].update(command=command))

    assert (status.failure, words in status.message) == ("command_not_found", True), status


def test_a_process_that_takes_more_memory_than_it_may_is_told_as_such(world: KubernetesWorld) -> None:
    status = rolled_out(world, command=["python3", "-c", "bytearray(512 * 1024 * 1024)"])

    assert (status.failure, status.message) == ("out_of_memory", "was ended for using more memory than it may")
    assert seconds_since(last_end(world)["finishedAt"]) < SOON


def test_a_registry_that_stays_away_is_told_in_the_nodes_words(world: KubernetesWorld) -> None:
    def elsewhere(spec: dict[str, Any]) -> None:
        spec["containers"][0]["image"] = f"{NOBODY_LISTENS}/acme/shop@{MISSING_DIGEST}"

    status = rolled_out(world, change=elsewhere)

    (told,) = [event for event in events(world, "Failed") if event["message"].startswith("Failed to pull image")]
    assert (status.failure, f"{NOBODY_LISTENS}/acme/shop" in status.message) == ("image_unavailable", True), status
    assert "connection refused" in status.message
    assert seconds_since(told["firstTimestamp"]) < SOON


def test_a_pod_that_no_node_has_room_for_is_told_in_the_schedulers_words(world: KubernetesWorld) -> None:
    status = rolled_out(world, change=asking_for("60"))

    assert (status.failure, "Insufficient cpu" in status.message) == ("unschedulable", True), status
    assert seconds_since(condition_of(world.pods()[0], "PodScheduled")["lastTransitionTime"]) < SOON


def test_a_one_off_that_no_node_has_room_for_is_told_in_the_schedulers_words(world: KubernetesWorld) -> None:
    owner = world.apply([pull_secret(), config_map("release-config", ["true"])], 1)
    asked = world.adapted(pod())
    asking_for("60")(asked["spec"])
    uid = world.cluster.start_gated_pod(asked, owner=owner, fence=fence(1))
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)

    status = world.cluster.watch_pod(NAMESPACE, "api-release-1", uid, log_offset=0, seconds=30)

    assert (status.phase, status.failure, "Insufficient cpu" in status.message) == (PodPhase.RUNNING, "unschedulable", True), status
    assert seconds_since(condition_of(world.pods()[0], "PodScheduled")["lastTransitionTime"]) < SOON


def test_a_pod_that_a_node_is_announced_for_may_still_get_it(world: KubernetesWorld) -> None:
    apply(world, asking_for("60"))
    eventually(world.pods, within=world.patience)
    announce_a_node(world, world.pods()[0])
    eventually(lambda: seconds_since(condition_of(world.pods()[0], "PodScheduled")["lastTransitionTime"]) > SOON, within=world.patience)

    status = world.watch(seconds=0)

    assert (status.failure, "Insufficient cpu" in status.message) == ("", True), status


def test_an_image_that_would_run_as_root_is_told(world: KubernetesWorld) -> None:
    def as_the_image_says(spec: dict[str, Any]) -> None:
        del spec["securityContext"]["runAsUser"]

    status = rolled_out(world, change=as_the_image_says)

    assert (status.failure, "runAsNonRoot" in status.message) == ("image_runs_as_root", True), status


def test_a_quota_that_is_used_up_is_told_in_the_clusters_words(world: KubernetesWorld) -> None:
    limit_pods(world, 1)

    status = rolled_out(world, replicas=2)

    assert (status.failure, f"exceeded quota: {QUOTA}" in status.message) == ("quota_exceeded", True), status
    assert seconds_since(condition_of(world.get_object("Deployment", WEB), "ReplicaFailure")["lastTransitionTime"]) < SOON


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda spec: spec["containers"][0].update(securityContext={"privileged": True}), "privileged"),
        (lambda spec: spec["volumes"].append({"name": "host", "hostPath": {"path": "/"}}), "hostPath"),
        (lambda spec: spec.update(hostNetwork=True), "hostNetwork"),
    ],
)
def test_a_pod_that_asks_for_more_than_it_may_is_told_in_the_clusters_words(world: KubernetesWorld, change: Change, words: str) -> None:
    status = rolled_out(world, change=change)

    assert (status.failure, 'violates PodSecurity "restricted' in status.message) == ("admission_denied", True), status
    assert words in status.message
    assert seconds_since(condition_of(world.get_object("Deployment", WEB), "ReplicaFailure")["lastTransitionTime"]) < SOON


def test_a_one_off_that_asks_for_more_than_it_may_is_rejected(world: KubernetesWorld) -> None:
    owner = world.apply([pull_secret(), config_map("release-config", ["true"])], 1)
    manifest = {**pod(), "spec": {**pod()["spec"], "hostPID": True}}

    with pytest.raises(Rejected, match="violates PodSecurity.*hostPID"):
        world.start_gated(manifest, owner, 1)


def test_a_health_check_that_fails_is_no_certain_failure_and_its_answer_is_in_the_evidence(world: KubernetesWorld) -> None:
    owner = world.apply(web_set(env={"HEALTH": "500"}), 1)
    eventually(lambda: evidence_of(world, owner).probe, within=world.patience)

    evidence = evidence_of(world, owner)

    assert world.watch(seconds=0).failure == ""
    assert (evidence.state, evidence.probe) == ("running, not ready", "GET /healthz answered 500")
    assert evidence.log_tail == ("serving version 1",)


def test_a_process_that_listens_elsewhere_is_told_to_listen_on_port(world: KubernetesWorld) -> None:
    owner = world.apply(web_set(env={"LISTEN": "19387"}), 1)
    eventually(lambda: evidence_of(world, owner).probe, within=world.patience)

    evidence = evidence_of(world, owner)

    assert evidence.probe == "GET /healthz: nothing listens on port 8000"
    assert evidence.hint == "make it listen on the port in $PORT (8000), on the address 0.0.0.0"


def test_a_one_off_that_the_node_ended_has_no_exit_code_and_its_reason(world: KubernetesWorld) -> None:
    owner = world.apply([pull_secret(), config_map("release-config", ["sleep", "60"])], 1)
    manifest = {**pod(), "spec": {**pod()["spec"], "activeDeadlineSeconds": 2}}
    uid = world.start_gated(manifest, owner, 1)
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)
    eventually(lambda: world.pods()[0]["status"]["phase"] == "Failed", within=world.patience)

    status = world.cluster.watch_pod(NAMESPACE, "api-release-1", uid, log_offset=0, seconds=1)

    assert (status.phase, status.exit_code) == (PodPhase.FAILED, None)
    assert status.message.startswith("ended by the cluster: DeadlineExceeded: ")


# -- objects that the cluster does not take -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1_100_000, 4_000_000])
def test_an_object_that_is_too_large_is_rejected_in_the_clusters_words(world: KubernetesWorld, size: int) -> None:
    large = {**config_map("large", ["x"]), "data": {"large": "x" * size}}

    with pytest.raises(Rejected, match="ConfigMap 'large': .*(Too long|too large)"):
        world.apply([large], 1)


def test_variables_that_make_a_deployment_too_large_are_rejected_in_the_clusters_words(world: KubernetesWorld) -> None:
    with pytest.raises(Rejected, match=f"Deployment '{WEB}': .*too large"):
        world.apply([deployment(env={f"LARGE_{number}": "x" * 100_000 for number in range(20)})], 1)


# -- what the tests ask ------------------------------------------------------------------------------------------------------------


def rolled_out(world: KubernetesWorld, *, change: Change = lambda spec: None, **options: Any) -> ProcessStatus:
    """How it goes on with a web process whose pods are changed before they are applied."""
    apply(world, change, **options)
    return world.watch()


def apply(world: KubernetesWorld, change: Change, **options: Any) -> None:
    manifests = [world.adapted(manifest) for manifest in web_set(**options)]
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            change(manifest["spec"]["template"]["spec"])
    world.cluster.apply(manifests, owner=world.cluster.ensure_anchor(anchor(1), fence(1)), fence=fence(1))


def asking_for(cpus: str) -> Change:
    return lambda spec: spec["containers"][0].update(resources={"requests": {"cpu": cpus, "memory": "32Mi"}, "limits": {"memory": "64Mi"}})


def evidence_of(world: KubernetesWorld, owner: Anchor) -> PodEvidence:
    eventually(lambda: world.cluster.evidence(NAMESPACE, SERVICE_ID, owner), within=world.patience)
    return world.cluster.evidence(NAMESPACE, SERVICE_ID, owner)[0]


def last_end(world: KubernetesWorld) -> Answer:
    (status,) = world.pods()[0]["status"]["containerStatuses"]
    ended: Answer = status["state"].get("terminated") or status["lastState"]["terminated"]
    return ended


def condition_of(item: Answer, kind: str) -> Answer:
    (found,) = [one for one in item["status"].get("conditions", []) if one["type"] == kind]
    return dict(found)


def events(world: KubernetesWorld, reason: str) -> list[Answer]:
    found: list[Answer] = world.api.get(collection("Event", NAMESPACE), fieldSelector=f"reason={reason}")["items"]
    return found


def announce_a_node(world: KubernetesWorld, one: Answer) -> None:
    """As a cluster does that grows when it is full."""
    metadata = one["metadata"]
    about = {"kind": "Pod", "apiVersion": "v1", **{part: metadata[part] for part in ("namespace", "name", "uid")}}
    told = {"reason": "TriggeredScaleUp", "message": "pod triggered scale-up: 1 -> 2 (max: 3)", "type": "Normal"}
    event = {"metadata": {"generateName": "scale-up-"}, "involvedObject": about, "source": {"component": "cluster-autoscaler"}, **told}
    world.api.create(collection("Event", NAMESPACE), event)


def limit_pods(world: KubernetesWorld, count: int) -> None:
    quota = {"metadata": {"name": QUOTA}, "spec": {"hard": {"pods": str(count)}}}
    world.api.create(collection("ResourceQuota", NAMESPACE), quota)
    eventually(lambda: "hard" in world.get_object("ResourceQuota", QUOTA).get("status", {}), within=world.patience)


def seconds_since(text: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()
