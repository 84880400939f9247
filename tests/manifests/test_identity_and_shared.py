"""A service's identity, and the walls of the namespace that it lives in."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from chalicelib.manifests import names
from chalicelib.manifests.kubernetes import render_identity, render_shared
from chalicelib.ports.cluster import Manifest
from tests.manifests.samples import PASSWORD, SERVICE_ID, SHOP, make_grant, make_workspace


def of_kind(manifests: Sequence[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def test_the_pull_secret_holds_the_grant_and_its_password_lies_nowhere_else() -> None:
    account, secret, policy = render_identity(SHOP, SERVICE_ID, make_grant())
    config = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    assert base64.b64decode(config["auths"]["registry.test"]["auth"]).decode() == f"ancla:{PASSWORD}"
    assert PASSWORD not in str(secret)
    assert account["automountServiceAccountToken"] is False
    assert list(policy["spec"]["podSelector"]["matchLabels"]) == [names.SERVICE_LABEL]


def test_a_service_talks_with_its_own_environment_only() -> None:
    policy = render_identity(SHOP, SERVICE_ID, make_grant())[2]["spec"]
    peer = {"podSelector": {"matchLabels": {"ancla.dev/project": "shop", "ancla.dev/environment": "production"}}}
    assert policy["ingress"] == [{"from": [peer]}]
    assert policy["egress"] == [{"to": [peer]}]


def test_a_namespace_is_restricted_and_closed_before_anything_is_opened() -> None:
    shared = render_shared(make_workspace())
    assert shared[0]["kind"] == "Namespace"
    assert shared[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    policies = of_kind(shared, "NetworkPolicy")
    assert policies[0]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [], "egress": []}
    assert of_kind(shared, "ResourceQuota") and of_kind(shared, "LimitRange")


def test_pods_that_prove_a_host_are_reached_by_the_ingress_controller_and_no_others_are_at_their_port() -> None:
    open_at = {
        policy["metadata"]["name"]: (policy["spec"]["podSelector"], rule["from"])
        for policy in of_kind(render_shared(make_workspace()), "NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        if {"protocol": "TCP", "port": 8089} in rule["ports"]
    }
    ingress = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}
    assert open_at == {"allow-acme": ({"matchLabels": {"acme.cert-manager.io/http01-solver": "true"}}, [ingress])}


def test_the_metadata_address_is_out_of_reach() -> None:
    blocks = [
        peer["ipBlock"]
        for policy in of_kind(render_shared(make_workspace()), "NetworkPolicy")
        for rule in policy["spec"].get("egress", [])
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    wide = [block for block in blocks if block["cidr"].endswith("/0")]
    assert [("169.254.0.0/16" in block["except"] or "fe80::/10" in block["except"]) for block in wide] == [True, True]
    assert [block["cidr"] for block in blocks if block not in wide] == ["169.254.20.10/32"]
