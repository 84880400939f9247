"""What is told of Deployments and pods."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.adapters.embedded.node.lifecycle import Phase, PodState
from chalicelib.adapters.embedded.node.objects import Object
from chalicelib.adapters.embedded.node.report import (
    APPLIED_BY,
    applied_under,
    describe_state,
    pod_phase,
    process_status,
    rollout_of,
)
from chalicelib.adapters.embedded.node.specs import HASH_LABEL, template_hash
from chalicelib.ports.cluster import PodPhase, ProcessStatus
from tests.contracts.cluster_samples import NAMESPACE, WEB, deployment, pod

MANIFEST = deployment(replicas=2)
DEPLOYMENT = Object(uid="d", kind="Deployment", namespace=NAMESPACE, name=WEB, manifest=MANIFEST)
NEWEST = template_hash(MANIFEST["spec"]["template"])
AVAILABLE = PodState(phase=Phase.RUNNING, run=1, ready=True, available=True)
STARTING = PodState(phase=Phase.RUNNING, run=1, probe="GET /healthz answered 500")


def replica_set(uid: str, template: str, applied_by: str = "") -> Object:
    metadata = {"labels": {HASH_LABEL: template}, "annotations": {APPLIED_BY: applied_by}}
    return Object(uid=uid, kind="ReplicaSet", namespace=NAMESPACE, name=uid, owner="d", manifest={"metadata": metadata})


def pod_of(set_uid: str, template: str, state: PodState) -> Object:
    manifest = {"metadata": {"labels": {HASH_LABEL: template}}, "spec": {}}
    return Object(uid=f"{set_uid}-pod", kind="Pod", namespace=NAMESPACE, name="p", owner=set_uid, manifest=manifest, status=state.as_json())


def status_of(*pods: tuple[str, PodState], node_runs: bool = True) -> ProcessStatus:
    sets = [replica_set("new", NEWEST), replica_set("old", "older")]
    listed = [pod_of(which, NEWEST if which == "new" else "older", state) for which, state in pods]
    return process_status(DEPLOYMENT, rollout_of(DEPLOYMENT, [*sets, *listed]), node_runs=node_runs)


def test_all_wanted_pods_available_and_no_older_one_left_is_settled() -> None:
    status = status_of(("new", AVAILABLE), ("new", AVAILABLE))

    assert (status.process, status.wanted, status.ready, status.settled, status.failure) == ("web", 2, 2, True, "")


@pytest.mark.parametrize(
    "pods",
    [
        [("new", AVAILABLE)],
        [("new", AVAILABLE), ("new", STARTING)],
        [("new", AVAILABLE), ("new", AVAILABLE), ("old", AVAILABLE)],
        [("new", AVAILABLE), ("new", AVAILABLE), ("new", AVAILABLE)],
        [("old", AVAILABLE), ("old", AVAILABLE)],
    ],
)
def test_anything_less_or_more_is_not_settled(pods: list[tuple[str, PodState]]) -> None:
    assert not status_of(*pods).settled


def test_a_pod_that_is_ending_does_not_count() -> None:
    ending = replace(AVAILABLE, phase=Phase.STOPPING)

    assert status_of(("new", AVAILABLE), ("new", AVAILABLE), ("old", ending)).settled


def test_without_a_node_nothing_is_settled() -> None:
    status = status_of(("new", AVAILABLE), ("new", AVAILABLE), node_runs=False)

    assert (status.ready, status.settled, status.message) == (0, False, "the node does not run")


def test_while_there_is_hope_the_last_probe_answer_is_told() -> None:
    status = status_of(("new", STARTING))

    assert (status.failure, status.message) == ("", "GET /healthz answered 500")


def test_one_early_end_in_each_of_two_pods_is_as_certain_as_two_in_one() -> None:
    ended = PodState(phase=Phase.WAITING, run=1, early_exits=1, exit_code=3, message="exited with code 3 before it was ready")

    assert status_of(("new", ended)).failure == ""
    assert status_of(("new", ended), ("new", ended)).failure == "process_exited"
    assert status_of(("old", ended), ("old", ended)).failure == ""


def test_the_pods_of_an_anchor_are_those_of_the_templates_that_it_applied() -> None:
    sets = [replica_set("new", NEWEST, "anchor-2"), replica_set("old", "older", "anchor-1 anchor-2b")]
    pods = [pod_of("new", NEWEST, AVAILABLE), pod_of("old", "older", AVAILABLE)]
    one_off = replace(pods[0], uid="once", owner="anchor-1")

    assert applied_under("anchor-1", [*sets, *pods, one_off]) == [pods[1], one_off]
    assert applied_under("anchor-2", [*sets, *pods]) == [pods[0]]


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (AVAILABLE, "running, ready"),
        (STARTING, "running, not ready"),
        (PodState(phase=Phase.WAITING, exit_code=3), "exited with code 3"),
        (PodState(phase=Phase.WAITING, failure="image_unavailable", message="no image"), "not started: no image"),
        (PodState(), "not started"),
        (PodState(phase=Phase.STOPPING), "ending"),
    ],
)
def test_a_pods_state_is_told_in_words(state: PodState, text: str) -> None:
    assert describe_state(state) == text


def test_a_one_off_is_gated_until_its_gate_is_lifted() -> None:
    gated = Object(uid="p", kind="Pod", namespace=NAMESPACE, name="p", manifest=pod())
    lifted = replace(gated, manifest={**pod(), "spec": {**pod()["spec"], "schedulingGates": []}})

    assert (pod_phase(gated), pod_phase(lifted)) == (PodPhase.GATED, PodPhase.RUNNING)
    assert pod_phase(replace(lifted, status=PodState(phase=Phase.FAILED).as_json())) is PodPhase.FAILED
