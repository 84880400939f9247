"""Lets pods log in with their service accounts: Vault asks the API server about each token, as an account that may ask just that."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from engines.errors import Trouble
from engines.kubernetes.client import apply, kubectl
from engines.kubernetes.network import API_URL
from engines.kubernetes.paths import Paths
from engines.site import Site
from engines.vault.operator import as_operator, server

MANIFESTS = Path(__file__).parents[1] / "cluster" / "vault" / "reviewer.yaml"
NAMESPACE = "vault"
ACCOUNT = "reviewer"
TOKEN = "reviewer-token"
AUDIENCE = "vault"
PROBE = "engines-probe"
"""A role without a policy, which only shows that the login works."""
TOKEN_WITHIN = "--timeout=20s"


def ensure_pod_login(site: Site) -> None:
    apply(site, MANIFESTS.read_text())
    kubectl(site, "wait", "--for=jsonpath={.data.token}", TOKEN_WITHIN, f"--namespace={NAMESPACE}", f"secret/{TOKEN}")
    vault = as_operator(site)
    vault.call("POST", "/v1/auth/kubernetes/config", _configuration(site))
    probe = {
        "bound_service_account_names": [ACCOUNT],
        "bound_service_account_namespaces": [NAMESPACE],
        "audience": AUDIENCE,
        "token_no_default_policy": True,
        "token_ttl": "1m",
        "token_type": "batch",
    }
    vault.call("POST", f"/v1/auth/kubernetes/role/{PROBE}", probe)


def pods_can_log_in(site: Site) -> bool:
    """Logs in as a pod does: a token for Vault's audience, which Vault has the API server look at."""
    try:
        token = kubectl(site, "create", "token", ACCOUNT, f"--namespace={NAMESPACE}", f"--audience={AUDIENCE}").strip()
        return server(site).ask("POST", "/v1/auth/kubernetes/login", {"role": PROBE, "jwt": token}).status == 200
    except (Trouble, OSError):
        return False


def _configuration(site: Site) -> dict[str, object]:
    held = json.loads(kubectl(site, "get", "secret", TOKEN, f"--namespace={NAMESPACE}", "--output=json"))
    return {
        "kubernetes_host": API_URL,
        "kubernetes_ca_cert": Paths.of(site).pair("kubernetes-ca").certificate.read_text(),
        "token_reviewer_jwt": base64.b64decode(held["data"]["token"]).decode(),
        # Vault is no pod here: there is no account of its own to fall back to.
        "disable_local_ca_jwt": True,
    }
