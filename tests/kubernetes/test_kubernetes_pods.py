"""What a pod of a real cluster has to tell, in the words of every cluster."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.adapters.kubernetes.findings import pods_applied_under
from chalicelib.adapters.kubernetes.one_offs import phase_of
from chalicelib.adapters.kubernetes.pods import did_well, event_lines, last_probe, pod_evidence, probe_hint
from chalicelib.ports.cluster import PodPhase
from tests.kubernetes.samples import ago, end_of, ended, event, pod, replica_set, running, waiting

READINESS = "Readiness probe failed: "


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (pod(phase="Pending"), "not started"),
        (pod(containers=[running()], ready=True), "running, ready"),
        (pod(containers=[running()]), "running, not ready"),
        (pod(containers=[ended(3)]), "exited with code 3"),
        (pod(containers=[waiting("CrashLoopBackOff", "back-off 10s", restarts=2, before=end_of(137))]), "was ended by signal 9 (SIGKILL)"),
        (
            pod(containers=[waiting("CrashLoopBackOff", restarts=2, before=end_of(137, reason="OOMKilled"))]),
            "was ended for using more memory than it may",
        ),
        (pod(containers=[waiting("ErrImagePull", "not\nfound")]), "not started: ErrImagePull: not found"),
        (pod(preparing=[ended(1, name="envconsul")]), "not started: its preparation (envconsul) exited with code 1"),
        (pod(containers=[running()], deletionTimestamp=ago(1)), "ending"),
    ],
)
def test_the_state_of_a_pod_is_told_in_a_few_words(one: dict[str, Any], state: str) -> None:
    assert pod_evidence(one, [], ()).state == state


@pytest.mark.parametrize("containers", [[], [ended(137)]])
def test_a_pod_that_was_evicted_says_why(containers: list[dict[str, Any]]) -> None:
    evicted = pod(phase="Failed", containers=containers)
    evicted["status"] |= {"reason": "Evicted", "message": "The node was low on resource: memory."}
    assert pod_evidence(evicted, [], ()).state == "ended by the cluster: Evicted: The node was low on resource: memory."


@pytest.mark.parametrize(
    ("message", "probe", "hint"),
    [
        ("HTTP probe failed with statuscode: 500", "GET /healthz answered 500", ""),
        (
            'Get "http://10.244.0.7:8000/healthz": dial tcp 10.244.0.7:8000: connect: connection refused',
            "GET /healthz: nothing listens on port 8000",
            "make it listen on the port in $PORT (8000), on the address 0.0.0.0",
        ),
        (
            'Get "http://10.244.0.7:8000/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
            "GET /healthz did not answer within 3 s",
            "make /healthz answer faster, or at all",
        ),
        ('Get "http://10.244.0.7:8000/healthz": EOF', 'GET /healthz: Get "http://10.244.0.7:8000/healthz": EOF', ""),
    ],
)
def test_the_last_answer_to_the_health_check_is_told(message: str, probe: str, hint: str) -> None:
    one = pod(containers=[running()])
    events = [event("Unhealthy", READINESS + message), event("Unhealthy", READINESS + "an older one", seconds_ago=9)]

    assert last_probe(one, events) == probe
    assert probe_hint(one, probe) == hint


def test_a_pod_that_is_well_has_nothing_to_tell_of_probes() -> None:
    assert pod_evidence(pod(ready=True, containers=[running()]), [event("Unhealthy", READINESS + "x")], ()).probe == ""


def test_events_are_told_once_in_order_without_what_the_state_says() -> None:
    events = [
        event("FailedMount", "no such secret", seconds_ago=3),
        event("FailedScheduling", "no node", seconds_ago=7),
        event("Pulled", "image is there", seconds_ago=2),
        event("FailedMount", "no such secret", seconds_ago=1),
    ]
    assert event_lines(events) == ("FailedScheduling: no node", "FailedMount: no such secret")


def test_evidence_counts_restarts_and_keeps_the_exit_code_of_the_last_end() -> None:
    told = pod_evidence(pod(containers=[running(restarts=2, before=end_of(4))]), [], ("last", "words"))

    assert (told.pod, told.process, told.exit_code, told.restarts, told.log_tail) == ("api-web-1", "web", 4, 2, ("last", "words"))
    assert not told.healthy


def test_a_one_off_that_succeeded_did_well() -> None:
    assert did_well(pod(phase="Succeeded", containers=[ended(0)]))


def test_pods_are_found_by_the_anchor_that_applied_their_template_and_the_bad_ones_come_first() -> None:
    sets = [replica_set("mine", **{"ancla.dev/applied-by": "anchor"}), replica_set("other", **{"ancla.dev/applied-by": "another"})]
    pods = [pod("well", of="mine", ready=True), pod("bad", of="mine"), pod("else", of="other"), pod("one-off", of="anchor")]

    assert [one["metadata"]["name"] for one in pods_applied_under("anchor", sets, pods)] == ["bad", "one-off", "well"]


@pytest.mark.parametrize(
    ("phase", "gates", "expected"),
    [
        ("Pending", [{"name": "ancla.dev/release"}], PodPhase.GATED),
        ("Pending", [], PodPhase.RUNNING),
        ("Running", [], PodPhase.RUNNING),
        ("Unknown", [], PodPhase.RUNNING),
        ("Succeeded", [], PodPhase.SUCCEEDED),
        ("Failed", [], PodPhase.FAILED),
    ],
)
def test_the_phase_of_a_one_off(phase: str, gates: list[dict[str, str]], expected: PodPhase) -> None:
    one = pod(phase=phase)
    one["spec"]["schedulingGates"] = gates
    assert phase_of(one) is expected
