"""The engines: cert-manager itself, and the issuer `letsencrypt`."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

from engines import pebble, pki
from engines.certmanager.manifests import CONTROLLER, INJECTOR, NAMESPACE, WEBHOOK, render_issuer, render_objects
from engines.certmanager.recipes import DEFINITIONS, IMAGE_NAME, LICENCE, PROGRAMS, SOLVER_IMAGE_NAME, VERSION
from engines.engine import Engine
from engines.errors import Trouble
from engines.kubernetes import client
from engines.kubernetes.containerd import ensure_image
from engines.kubernetes.workers import INGRESS_CLASS
from engines.pebble.settings import DIRECTORY, NAME_SERVER
from engines.site import Site

ISSUER = "letsencrypt"
"""What Ancla's settings have where nothing is set (ANCLA_CERTIFICATE_ISSUER)."""
ACCOUNT = "acme-account"
DEPLOYMENTS = (CONTROLLER, INJECTOR, WEBHOOK)
MARK = "ancla.dev/built"
"""On a definition: which build of cert-manager it came with. They are large, and not applied again without need."""
DEFINITION = "clusterissuers.cert-manager.io"
DEFINITIONS_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ESTABLISHED_WITHIN = 20.0


def define(site: Site) -> tuple[Engine, ...]:
    return (
        Engine(
            name="cert-manager",
            version=VERSION,
            licence=LICENCE,
            address=f"{NAMESPACE}/{WEBHOOK}",
            needs=(pki.NAME, "containerd", "scheduler", "controller-manager", "kubelet", "kube-proxy"),
            after=lambda: _install(site),
            ready=lambda: _works(site),
        ),
        Engine(
            name="certificate-issuer",
            version=VERSION,
            licence=LICENCE,
            address=f"clusterissuer/{ISSUER}",
            needs=("cert-manager", pebble.NAME, "ingress"),
            after=lambda: _ensure_issuer(site),
            ready=lambda: _is_registered(site),
            exports={"ANCLA_CERTIFICATE_ISSUER": ISSUER},
        ),
    )


def account_of(root: str) -> str:
    """The secret with the account's key at the Pebble that has this root. One that was started anew has a new root, and knows no
    account of before: another secret makes cert-manager register again."""
    return f"{ACCOUNT}-{hashlib.sha256(root.encode()).hexdigest()[:8]}"


def is_ready(issuer: dict[str, Any] | None, account: str) -> bool:
    """Whether cert-manager says that it has registered just this account, for the issuer as it is now."""
    if issuer is None or issuer["spec"]["acme"]["privateKeySecretRef"]["name"] != account:
        return False
    current = issuer["metadata"]["generation"]
    conditions = issuer.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" and one.get("observedGeneration") == current for one in conditions)


def _install(site: Site) -> None:
    ensure_image(site, PROGRAMS, "cert-manager", IMAGE_NAME)
    ensure_image(site, PROGRAMS, "acmesolver", SOLVER_IMAGE_NAME)
    held = client.find(site, f"{DEFINITIONS_PATH}/{DEFINITION}")
    if held is None or held["metadata"].get("annotations", {}).get(MARK) != PROGRAMS.slug:
        client.apply(site, (PROGRAMS.built(site.cache) / DEFINITIONS).read_text())
        _await_definition(site)
        client.kubectl(site, "annotate", "--overwrite", f"crd/{DEFINITION}", f"{MARK}={PROGRAMS.slug}")
    client.apply(site, render_objects(NAME_SERVER))


def _await_definition(site: Site) -> None:
    """Until the API server takes issuers. kubectl's own wait gives up at a definition that has no conditions at all yet."""
    deadline = time.monotonic() + ESTABLISHED_WITHIN
    while not _is_established(client.find(site, f"{DEFINITIONS_PATH}/{DEFINITION}")):
        if time.monotonic() > deadline:
            raise Trouble(f"{DEFINITION} is not established after {ESTABLISHED_WITHIN:.0f} s", "look at make engines-logs NAME=apiserver")
        time.sleep(0.1)


def _is_established(definition: dict[str, Any] | None) -> bool:
    conditions = (definition or {}).get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def _works(site: Site) -> bool:
    """Whether all three run, and the API server reaches the webhook: nothing is stored without its consent."""
    if not all(_is_available(site, name) for name in DEPLOYMENTS):
        return False
    try:
        client.kubectl(site, "create", "--dry-run=server", "-f", "-", stdin=json.dumps(_issuer(site, "trial", ACCOUNT)))
    except Trouble:
        return False
    return True


def _is_available(site: Site, name: str) -> bool:
    found = client.find(site, f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}") or {}
    status = found.get("status", {})
    return status.get("observedGeneration") == found.get("metadata", {}).get("generation") and bool(status.get("availableReplicas"))


def _issuer(site: Site, name: str, account: str) -> dict[str, Any]:
    authority = base64.b64encode(pki.authority(site).certificate.read_bytes()).decode()
    return render_issuer(name, directory=DIRECTORY, authority=authority, account=account, ingress_class=INGRESS_CLASS)


def _ensure_issuer(site: Site) -> None:
    account = account_of(pebble.fetch_root(site))
    client.apply(site, json.dumps(_issuer(site, ISSUER, account)))
    held = client.kubectl(site, "get", "secret", f"--namespace={NAMESPACE}", "--output=name").split()
    if forgotten := [name for name in held if name.startswith(f"secret/{ACCOUNT}-") and name != f"secret/{account}"]:
        client.kubectl(site, "delete", f"--namespace={NAMESPACE}", *forgotten)


def _is_registered(site: Site) -> bool:
    try:
        account = account_of(pebble.fetch_root(site))
    except Trouble:
        return False
    return is_ready(client.find(site, f"/apis/cert-manager.io/v1/clusterissuers/{ISSUER}"), account)
