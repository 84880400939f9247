"""Who a service is in the cluster: its account, what it may pull, and whom it may talk with."""

from __future__ import annotations

import base64
import json
from typing import Any

from chalicelib.domain.addresses import Address
from chalicelib.manifests import names
from chalicelib.ports.registry import PullGrant


def render_identity(address: Address, service_id: str, grant: PullGrant) -> list[dict[str, Any]]:
    """The service's account (without a token of its own), its pull secret, and the policy that joins it to its environment.
    The pull secret's password is the one value that must lie in the cluster: the node reads it before any pod runs."""
    return [_account(address, service_id), _pull_secret(address, service_id, grant), _environment_policy(address, service_id)]


def _account(address: Address, service_id: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(address, service_id, names.account_of(address)),
        "automountServiceAccountToken": False,
    }


def _pull_secret(address: Address, service_id: str, grant: PullGrant) -> dict[str, Any]:
    login = base64.b64encode(f"{grant.username}:{grant.password.reveal()}".encode()).decode()
    config = json.dumps({"auths": {grant.server: {"auth": login}}}, sort_keys=True)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(address, service_id, names.pull_secret_name(address)),
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(config.encode()).decode()},
    }


def _environment_policy(address: Address, service_id: str) -> dict[str, Any]:
    """Both ways between this service and all of its project and environment."""
    neighbours = {"podSelector": {"matchLabels": {names.PROJECT_LABEL: address.project, names.ENVIRONMENT_LABEL: address.environment}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(address, service_id, names.resource_name(address)),
        "spec": {
            "podSelector": {"matchLabels": {names.SERVICE_LABEL: service_id}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [neighbours]}],
            "egress": [{"to": [neighbours]}],
        },
    }


def _metadata(address: Address, service_id: str, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": names.namespace_of(address.workspace), "labels": names.labels_of(address, service_id)}
