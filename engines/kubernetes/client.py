"""The administrator's way to the API server."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any

from engines.commands import run
from engines.kubernetes.network import API_PORT, NODE_IP
from engines.kubernetes.paths import Paths
from engines.kubernetes.recipes import PROGRAMS
from engines.site import Site

FIELD_MANAGER = "ancla-engines"
PATIENCE = 5.0


def kubectl(site: Site, *words: str, stdin: str | None = None) -> str:
    """What kubectl prints, as the administrator. Raises Trouble with its last words."""
    program = PROGRAMS.built(site.cache) / "kubectl"
    return run([program, "--kubeconfig", Paths.of(site).kubeconfig("admin"), *words], stdin=stdin)


def apply(site: Site, manifests: str) -> None:
    """Makes the cluster hold these objects (YAML or JSON), whoever else wrote to them."""
    # To validate, kubectl asks for a description of the whole API first, which an API server that was just started again has no
    # sooner than after half a minute, where the metrics' server was behind it and is not there yet.
    kubectl(
        site,
        "apply",
        "--server-side",
        "--validate=ignore",
        "--force-conflicts",
        f"--field-manager={FIELD_MANAGER}",
        "-f",
        "-",
        stdin=manifests,
    )


def find(site: Site, path: str) -> dict[str, Any] | None:
    """The object at a path of the API; None if there is none, or nobody answers."""
    paths = Paths.of(site)
    ca, admin = paths.pair("kubernetes-ca"), paths.pair("admin")
    try:
        context = _context(ca.certificate, admin.certificate, admin.key)
        connection = http.client.HTTPSConnection(NODE_IP, API_PORT, timeout=PATIENCE, context=context)
        try:
            connection.request("GET", path, headers={"Accept": "application/json"})
            response = connection.getresponse()
            return dict(json.load(response)) if response.status == http.client.OK else None
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError):
        return None


def _context(ca: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    context.load_cert_chain(certificate, key)
    return context
