"""What a pod may be in a workspace's namespace, and what those are that Ancla makes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contracts.engines_home import engine_environment
from tests.engines.isolation.conftest import Streets
from tests.engines.isolation.town import is_taken
from tests.engines.live.workloads import Room, pod

Spec = dict[str, Any]


def context_of(spec: Spec) -> dict[str, Any]:
    context: dict[str, Any] = spec["containers"][0]["securityContext"]
    return context


BREAKOUTS: dict[str, tuple[Callable[[Spec], object], str]] = {
    "the host's files": (lambda spec: spec.update(volumes=[{"name": "host", "hostPath": {"path": "/"}}]), "hostPath"),
    "the host's network": (lambda spec: spec.update(hostNetwork=True), "hostNetwork"),
    "the host's processes": (lambda spec: spec.update(hostPID=True), "hostPID"),
    "a port of the host": (lambda spec: spec["containers"][0].update(ports=[{"containerPort": 80, "hostPort": 80}]), "hostPort"),
    "root": (lambda spec: context_of(spec).update(runAsUser=0, runAsNonRoot=False), "runAsNonRoot"),
    "privileges": (lambda spec: context_of(spec).update(privileged=True, allowPrivilegeEscalation=True), "privileged"),
    "a way to more privileges": (lambda spec: context_of(spec).update(allowPrivilegeEscalation=True), "allowPrivilegeEscalation"),
    "a capability": (lambda spec: context_of(spec).update(capabilities={"add": ["NET_ADMIN"]}), "capabilities"),
    "every system call": (lambda spec: context_of(spec).update(seccompProfile={"type": "Unconfined"}), "seccompProfile"),
}
STATUS = """
import json, os
told = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({name: told[name].split()[0] for name in ("Uid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")}
    | {"token": os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount/token")}))
"""


@pytest.mark.parametrize("what", BREAKOUTS)
def test_a_workspace_takes_no_pod_that_asks_for(streets: Streets, what: str) -> None:
    change, word = BREAKOUTS[what]
    refusal = is_taken(streets.home.room, changed(change))

    assert 'violates PodSecurity "restricted' in refusal
    assert word in refusal


@pytest.mark.parametrize("what", BREAKOUTS)
def test_a_namespace_that_is_no_workspace_would_take_a_pod_that_asks_for(streets: Streets, what: str) -> None:
    assert is_taken(Room(streets.home.room.site, "default"), changed(BREAKOUTS[what][0])) == ""


def test_a_workspace_takes_a_pod_that_asks_for_nothing(streets: Streets) -> None:
    assert is_taken(streets.home.room, changed(lambda spec: None)) == ""


def test_a_process_has_no_rights_on_its_machine_and_none_in_the_cluster(streets: Streets) -> None:
    told = json.loads(streets.home.python(STATUS))

    assert told == {
        "Uid": "65534",
        "CapEff": "0000000000000000",
        "CapBnd": "0000000000000000",
        "NoNewPrivs": "1",
        "Seccomp": "2",
        "token": False,
    }


def test_a_services_account_may_do_nothing_in_the_cluster(streets: Streets) -> None:
    service = streets.home.pod["spec"]["serviceAccountName"]
    of_the_service = f"system:serviceaccount:{streets.home.room.namespace}:{service}"
    of_ancla = "system:serviceaccount:" + engine_environment()["ANCLA_KUBERNETES_ACCOUNT"].replace("/", ":")

    assert {"pods", "secrets", "deployments.apps"} <= resources_of(streets.home.room, of_ancla), "so the cluster tells of rights"
    assert all("review" in resource for resource in resources_of(streets.home.room, of_the_service)), "it may ask what it may do"


def resources_of(room: Room, account: str) -> set[str]:
    """The kinds of things with which the account may do something in the room."""
    rules = room.kubectl("auth", "can-i", "--list", "--no-headers", f"--as={account}")
    return {line.split()[0] for line in rules.splitlines() if line and not line.startswith((" ", "["))}


def changed(change: Callable[[Spec], object]) -> dict[str, Any]:
    made = copy.deepcopy(pod("try", "sleep", "600"))
    made["spec"]["containers"][0]["resources"] = {"limits": {"memory": "64Mi"}}
    change(made["spec"])
    return made
