"""The running cluster does what Ancla relies on."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.request
from typing import Any

import pytest

from engines.errors import Trouble
from engines.kubernetes.network import API_PORT, NODE_IP
from engines.kubernetes.paths import Paths
from tests.engines.live.workloads import Room, pod, wait_until, web


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=3) as response:
        return str(response.read().decode())


def test_a_deployment_gets_ready_and_is_reached_from_the_machine_and_from_a_pod_by_name(room: Room) -> None:
    room.apply(*web("v1"), pod("client", "sleep", "600"))
    room.kubectl("rollout", "status", "deployment/web", "--timeout=50s")
    room.wait("condition=Ready", "pod/client")
    address = room.get("service", "web")["spec"]["clusterIP"]
    # A service counts for packets some moments after its object is there.
    wait_until(lambda: " v1 GET web " in room.runs("client", "get", "http://web/"))
    assert " v1 GET " in fetch(f"http://{address}/")
    assert " v1 GET " in room.runs("client", "get", f"http://web.{room.namespace}.svc.cluster.local/")


def test_the_exit_code_and_the_log_of_a_pod_come_through(room: Room) -> None:
    room.apply(pod("ending", "exit", "42"), pod("speaking", "resolve", "localhost"))
    wait_until(lambda: room.get("pod", "ending")["status"]["phase"] == "Failed", within=30)
    (status,) = room.get("pod", "ending")["status"]["containerStatuses"]
    assert status["state"]["terminated"]["exitCode"] == 42
    wait_until(lambda: room.get("pod", "speaking")["status"]["phase"] == "Succeeded", within=30)
    assert "127.0.0.1" in room.kubectl("logs", "speaking")


def test_a_network_policy_lets_only_those_through_that_it_names(room: Room) -> None:
    clients = pod("friend", "sleep", "600", labels={"access": "yes"}), pod("stranger", "sleep", "600")
    room.apply(*web("v1", replicas=1), *clients)
    room.kubectl("rollout", "status", "deployment/web", "--timeout=50s")
    room.wait("condition=Ready", "pod/friend", "pod/stranger")
    wait_until(lambda: " v1 " in room.runs("stranger", "get", "http://web/"))
    room.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "web"},
            "spec": {
                "podSelector": {"matchLabels": {"app": "web"}},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"podSelector": {"matchLabels": {"access": "yes"}}}], "ports": [{"port": 8080}]}],
            },
        }
    )
    wait_until(lambda: is_refused(room, "stranger", "http://web/"))
    assert " v1 " in room.runs("friend", "get", "http://web/")
    assert room.get("deployment", "web")["status"]["readyReplicas"] == 1, "the kubelet's probes still reach it"


def test_nothing_leads_out_of_the_node(room: Room) -> None:
    room.apply(pod("client", "sleep", "600"))
    room.wait("condition=Ready", "pod/client")
    with pytest.raises(Trouble, match="no route to host|network is unreachable"):
        room.runs("client", "get", "http://192.0.2.1/")


def test_a_pod_that_is_not_confined_and_one_beyond_the_quota_are_refused(room: Room) -> None:
    loose = pod("loose", "sleep", "600")
    del loose["spec"]["containers"][0]["securityContext"]
    with pytest.raises(Trouble, match="violates PodSecurity"):
        room.apply(loose)
    quota: dict[str, Any] = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}}
    room.apply(quota)
    wait_until(lambda: "hard" in room.get("resourcequota", "few")["status"])
    room.apply(pod("first", "sleep", "600"))
    with pytest.raises(Trouble, match="exceeded quota: few"):
        room.apply(pod("second", "sleep", "600"))


def test_a_gated_pod_runs_only_when_the_gate_is_lifted(room: Room) -> None:
    room.apply(pod("gated", "exit", "0", schedulingGates=[{"name": "ancla.dev/release"}]))
    conditions = room.get("pod", "gated")["status"].get("conditions", [])
    assert [condition["reason"] for condition in conditions] == ["SchedulingGated"]
    room.kubectl("patch", "pod", "gated", "--type=json", '--patch=[{"op": "remove", "path": "/spec/schedulingGates"}]')
    wait_until(lambda: room.get("pod", "gated")["status"]["phase"] == "Succeeded", within=30)


def test_a_token_is_good_for_its_audience_and_its_account_s_rights_alone(room: Room) -> None:
    token = room.kubectl("create", "token", "default", "--audience=vault").strip()
    assert review(room, token, "vault")["user"]["username"] == f"system:serviceaccount:{room.namespace}:default"
    assert not review(room, token, "other").get("authenticated", False)
    with pytest.raises(Trouble, match="Forbidden|forbidden"):
        room.kubectl("get", "secrets", f"--as=system:serviceaccount:{room.namespace}:default")


def test_the_audit_log_says_who_did_what_and_never_what_was_in_it(room: Room) -> None:
    room.kubectl("create", "secret", "generic", "noted", "--from-literal=password=never-written-down")
    log = Paths.of(room.site).audit_log
    entries = [json.loads(line) for line in log.read_text().splitlines() if room.namespace in line and '"secrets"' in line]
    (made,) = [entry for entry in entries if entry["verb"] == "create"]
    assert made["user"]["username"] == "admin"
    assert made["objectRef"]["name"] == "noted"
    assert "never-written-down" not in log.read_text()


def test_nobody_is_let_in_without_a_credential(room: Room) -> None:
    context = ssl.create_default_context(cafile=str(Paths.of(room.site).pair("kubernetes-ca").certificate))
    for headers in ({}, {"Authorization": "Bearer nobody"}):
        connection = http.client.HTTPSConnection(NODE_IP, API_PORT, timeout=5, context=context)
        connection.request("GET", "/version", headers=headers)
        assert connection.getresponse().status == http.client.UNAUTHORIZED
        connection.close()


def is_refused(room: Room, client: str, url: str) -> bool:
    try:
        room.runs(client, "get", url)
    except Trouble as trouble:
        return "refused" in trouble.message or "deadline" in trouble.message
    return False


def review(room: Room, token: str, audience: str) -> dict[str, Any]:
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token, "audiences": [audience]}}
    return dict(json.loads(room.kubectl("create", "-f", "-", "--output=json", stdin=json.dumps(asked)))["status"])


def test_a_secret_lies_in_etcd_encrypted(room: Room) -> None:
    plain, sealed = (f"canary-{kind}-{room.namespace}" for kind in ("plain", "sealed"))
    room.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plain"}, "data": {"value": plain}})
    room.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sealed"}, "stringData": {"value": sealed}})
    files = [file for file in Paths.of(room.site).data("etcd").rglob("*") if file.is_file()]
    held = [name for name in (plain, sealed) if any(name.encode() in file.read_bytes() for file in files)]
    assert held == [plain]
