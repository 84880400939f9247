"""The manifests for clusters of users, and the engine that gives Ancla its own account in this one, from them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from engines.debian import Package
from engines.engine import Engine
from engines.kubernetes.client import apply, kubectl
from engines.kubernetes.network import API_PORT, API_URL, NODE_IP
from engines.kubernetes.paths import Paths
from engines.kubernetes.recipes import VERSION
from engines.pki.https import Server
from engines.pki.secrets import ensure_secret
from engines.recipes import Recipe
from engines.site import Site

HERE = Path(__file__).parent
ACCOUNT = "ancla"
NAMESPACE = "ancla"
TOKEN = "ancla-token"

PACKAGES: tuple[Package, ...] = ()
RECIPES: tuple[Recipe, ...] = ()


def define(site: Site) -> tuple[Engine, ...]:
    return (
        Engine(
            name="ancla-account",
            version=VERSION,
            licence="Apache-2.0",
            address=f"{NAMESPACE}/{ACCOUNT}",
            needs=("apiserver", "controller-manager"),
            before=lambda: _ensure_account(site),
            ready=lambda: _is_let_in(site),
            exports={"ANCLA_KUBECONFIG": str(kubeconfig(site)), "ANCLA_KUBERNETES_ACCOUNT": f"{NAMESPACE}/{ACCOUNT}"},
        ),
    )


def kubeconfig(site: Site) -> Path:
    return site.room("ancla") / "kubeconfig"


def render_kubeconfig(ca: bytes, token: str) -> dict[str, Any]:
    cluster = {"server": API_URL, "certificate-authority-data": base64.b64encode(ca).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "engines", "cluster": cluster}],
        "users": [{"name": ACCOUNT, "user": {"token": token}}],
        "contexts": [{"name": "engines", "context": {"cluster": "engines", "user": ACCOUNT}}],
        "current-context": "engines",
    }


def _ensure_account(site: Site) -> None:
    apply(site, kubectl(site, "kustomize", str(HERE / "ancla")))
    kubectl(site, "wait", "--for=jsonpath={.data.token}", "--timeout=20s", f"--namespace={NAMESPACE}", f"secret/{TOKEN}")
    held = json.loads(kubectl(site, "get", "secret", TOKEN, f"--namespace={NAMESPACE}", "--output=json"))
    token = base64.b64decode(held["data"]["token"]).decode()
    ensure_secret(kubeconfig(site), json.dumps(render_kubeconfig(_authority(site).read_bytes(), token), indent=2))


def _is_let_in(site: Site) -> bool:
    """Whether the account may look at namespaces, as it must, and not at all secrets, which it must not."""
    if not kubeconfig(site).is_file():
        return False
    token = json.loads(kubeconfig(site).read_text())["users"][0]["user"]["token"]
    headers = {"Authorization": f"Bearer {token}"}
    server = Server(name="API server", host=NODE_IP, port=API_PORT, ca=_authority(site), headers=headers)
    return server.answers(f"/api/v1/namespaces/{NAMESPACE}") and server.answers("/api/v1/secrets", 403)


def _authority(site: Site) -> Path:
    return Paths.of(site).pair("kubernetes-ca").certificate
