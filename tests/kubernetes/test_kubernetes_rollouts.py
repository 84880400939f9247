"""When a roll-out is settled, and when it is certain that it never will be."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from chalicelib.adapters.kubernetes.rollouts import Patience, Sight, process_status
from chalicelib.ports.cluster import ProcessStatus
from tests.kubernetes.samples import NOW, ago, deployment, end_of, ended, pod, replica_set, running, settled, waiting

PATIENCE = Patience(unschedulable=60, unpullable=60, unauthorized=300, refused=15)
NEVER_STARTED = {**end_of(128, reason="StartError", message="no space left on device"), "startedAt": "1970-01-01T00:00:00Z"}
ENDS = {"process_exited", "command_not_found", "out_of_memory"}
LEAVING = pod("leaving", of="older", deletionTimestamp=ago(1))


def status(item: dict[str, Any], *pods: dict[str, Any], growing: bool = False) -> ProcessStatus:
    sets = [replica_set(), replica_set("older", "1")]
    return process_status(item, Sight(replica_sets=sets, pods=pods, now=NOW, growing=growing), PATIENCE)


def test_it_is_settled_when_all_that_is_wanted_runs_and_nothing_else() -> None:
    assert status(settled()) == ProcessStatus(process="web", wanted=2, ready=2, settled=True)


@pytest.mark.parametrize(
    "counts",
    [
        {"replicas": 3, "updatedReplicas": 2, "availableReplicas": 3},
        {"replicas": 2, "updatedReplicas": 1, "availableReplicas": 2},
        {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 1},
        {"replicas": 2, "updatedReplicas": 2},
    ],
)
def test_it_is_not_settled_while_an_older_one_is_left_or_a_new_one_is_missing(counts: dict[str, int]) -> None:
    assert not status(deployment(counts)).settled


def test_counts_of_a_template_that_the_cluster_has_not_looked_at_say_nothing() -> None:
    item = settled()
    item["metadata"]["generation"] = 4

    seen = status(item, pod(containers=[waiting("CrashLoopBackOff", restarts=4, before=end_of(1))]))

    assert (seen.settled, seen.failure, seen.ready) == (False, "", 0)


def test_scaled_to_nothing_it_is_settled_when_nothing_runs() -> None:
    assert status(deployment(replicas=0)).settled
    assert not status(deployment({"replicas": 1}, replicas=0)).settled


def test_only_ready_pods_of_the_newest_template_count_as_ready() -> None:
    pods = [pod("one", ready=True), pod("two"), pod("three", of="older", ready=True), pod("four", ready=True, deletionTimestamp=ago(1))]
    assert status(deployment(replicas=3), *pods).ready == 1


@pytest.mark.parametrize(
    ("container", "failure", "message"),
    [
        (waiting("CrashLoopBackOff", restarts=1, before=end_of(3)), "process_exited", "exited with code 3 before it was ready"),
        (
            waiting("CrashLoopBackOff", restarts=1, before=end_of(137)),
            "process_exited",
            "was ended by signal 9 (SIGKILL) before it was ready",
        ),
        (waiting("CrashLoopBackOff", restarts=1, before=end_of(137, reason="OOMKilled")), "out_of_memory", "more memory than it may"),
        (ended(127), "command_not_found", "the command was not found"),
        (ended(126), "command_not_found", "the command cannot be executed"),
        (waiting("CrashLoopBackOff", restarts=1, before=NEVER_STARTED), "process_exited", "could not be started: no space left on device"),
        (
            ended(128, reason="StartError", message='runc create failed: exec: "serve": executable file not found in $PATH'),
            "command_not_found",
            'exec: "serve": executable file not found in $PATH',
        ),
        (waiting("ErrImagePull", "registry.test/shop: not found"), "image_unavailable", "registry.test/shop: not found"),
        (waiting("ImagePullBackOff", "manifest unknown"), "image_unavailable", "manifest unknown"),
        (waiting("InvalidImageName", "couldn't parse it"), "image_unavailable", "couldn't parse it"),
        (
            waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
            "image_runs_as_root",
            "would run as root",
        ),
    ],
)
def test_what_cannot_run_fails_for_certain(container: dict[str, Any], failure: str, message: str) -> None:
    seen = status(deployment(), pod(containers=[container]))

    assert seen.failure == failure
    assert message in seen.message
    assert seen.ended_at == (datetime.fromisoformat(ago(10)) if failure in ENDS else None)


@pytest.mark.parametrize(
    "one",
    [
        pod(containers=[waiting("ContainerCreating")]),
        pod(containers=[running()]),
        pod(containers=[running(restarts=1, before=end_of(1))]),
        pod(containers=[ended(1)]),
        pod(containers=[waiting("CrashLoopBackOff", restarts=5, before=end_of(1, lived=600))]),
        pod(ready=True, containers=[running(restarts=5, before=end_of(1))]),
        pod(containers=[waiting("ErrImagePull", "dial tcp: i/o timeout")]),
        pod(containers=[waiting("ErrImagePull", "failed to fetch anonymous token: 401 Unauthorized")]),
        pod(containers=[waiting("CreateContainerConfigError", 'configmap "x" not found')]),
        pod(of="older", containers=[waiting("CrashLoopBackOff", restarts=5, before=end_of(1))]),
        pod(containers=[waiting("CrashLoopBackOff", restarts=5, before=end_of(1))], deletionTimestamp=ago(1)),
    ],
    ids=[
        "starting",
        "running",
        "once ended",
        "ended just now",
        "after a long life",
        "well",
        "registry away",
        "asked without the pull secret",
        "config late",
        "older",
        "ending",
    ],
)
def test_there_is_hope_while_nothing_is_certain(one: dict[str, Any]) -> None:
    assert status(deployment(), one).failure == ""


def test_ends_that_are_spread_over_several_pods_count_together() -> None:
    seen = status(deployment(), pod("one", containers=[ended(1)]), pod("two", containers=[ended(1)]))
    assert seen.failure == "process_exited"


def test_one_pod_that_is_well_speaks_for_the_others_that_ended_once() -> None:
    pods = [pod("one", containers=[ended(1)]), pod("two", containers=[ended(1)]), pod("three", ready=True, containers=[running()])]
    assert status(deployment(replicas=3), *pods).failure == ""


def test_a_preparation_that_fails_is_told_as_such() -> None:
    broken = waiting("CrashLoopBackOff", restarts=1, before=end_of(1), name="envconsul")
    seen = status(deployment(), pod(preparing=[broken], containers=[waiting("PodInitializing")]))
    assert seen.failure == "process_exited"


def without_a_node(seconds: float) -> dict[str, Any]:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
        "lastTransitionTime": ago(seconds),
    }
    return pod(phase="Pending", conditions=[condition])


@pytest.mark.parametrize(("seconds", "failure"), [(59, ""), (60, "unschedulable")])
def test_a_pod_without_a_node_is_certain_to_stay_so_only_after_a_while(seconds: float, failure: str) -> None:
    seen = status(deployment(), without_a_node(seconds))
    assert (seen.failure, seen.message) == (failure, "0/1 nodes are available: 1 Insufficient cpu.")


def test_a_pod_may_get_the_room_of_one_that_ends_or_a_node_that_is_announced() -> None:
    assert status(deployment(), without_a_node(600)).failure == "unschedulable"
    assert status(deployment(), without_a_node(600), LEAVING).failure == ""
    assert status(deployment(), without_a_node(600), growing=True).failure == ""


def test_a_registry_that_stays_away_is_certain_after_a_while() -> None:
    seen = status(deployment(), pod(age=60, containers=[waiting("ErrImagePull", "dial tcp: i/o timeout")]))
    assert seen.failure == "image_unavailable"


@pytest.mark.parametrize(("seconds", "failure"), [(60, ""), (300, "image_unavailable")])
@pytest.mark.parametrize(
    "said",
    [
        'failed to authorize: failed to fetch oauth token: Post "https://ancla.example.org/auth": connection refused',
        "failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized",
        "pull access denied, repository does not exist or may require authorization",
    ],
)
def test_a_node_that_the_registry_does_not_let_in_may_ask_again(said: str, seconds: float, failure: str) -> None:
    assert status(deployment(), pod(age=seconds, containers=[waiting("ImagePullBackOff", said)])).failure == failure


def test_a_token_that_ancla_refuses_is_certain_at_once() -> None:
    said = "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized"
    assert status(deployment(), pod(containers=[waiting("ErrImagePull", said)])).failure == "image_unavailable"


@pytest.mark.parametrize(
    ("message", "seconds", "failure"),
    [
        ('pods "x" is forbidden: exceeded quota: workspace, requested: pods=1, used: pods=5, limited: pods=5', 14, ""),
        ('pods "x" is forbidden: exceeded quota: workspace, requested: pods=1, used: pods=5, limited: pods=5', 15, "quota_exceeded"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true', 0, "admission_denied"),
        ('admission webhook "guard" denied the request: no', 0, "admission_denied"),
        ('error looking up service account a/b: serviceaccount "b" not found', 14, ""),
        ('error looking up service account a/b: serviceaccount "b" not found', 15, "admission_denied"),
    ],
)
def test_pods_that_the_cluster_does_not_let_be_made_are_told_in_its_words(message: str, seconds: float, failure: str) -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "message": message, "lastTransitionTime": ago(seconds)}
    seen = status(deployment({"conditions": [refused]}))
    assert (seen.failure, seen.message) == (failure, message)


def test_a_quota_is_not_certain_to_be_exceeded_while_pods_end() -> None:
    message = 'pods "x" is forbidden: exceeded quota: workspace, requested: pods=1, used: pods=5, limited: pods=5'
    refused = {"type": "ReplicaFailure", "status": "True", "message": message, "lastTransitionTime": ago(600)}

    seen = status(deployment({"conditions": [refused]}), LEAVING)

    assert (seen.failure, seen.message) == ("", message)


def test_what_a_roll_out_waits_for_is_told() -> None:
    assert status(deployment(), pod(containers=[waiting("ErrImagePull", "i/o timeout")])).message == "ErrImagePull: i/o timeout"
    assert status(deployment(), pod(containers=[running()])).message == "running, not ready"
