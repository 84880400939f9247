"""Where Vault keeps what, and the configuration that it starts with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines import pki
from engines.certificates import Pair
from engines.kubernetes.network import HOST_IP
from engines.pki.secrets import ensure_secret
from engines.site import Site

PORT = 8200
MOUNT = "ancla"
"""The KV v2 mount that is Ancla's own."""


@dataclass(frozen=True, slots=True)
class Files:
    room: Path

    @property
    def configuration(self) -> Path:
        return self.room / "vault.json"

    @property
    def data(self) -> Path:
        return self.room / "data"

    @property
    def audit(self) -> Path:
        """One JSON line for each request and answer, values hashed."""
        return self.room / "audit.log"

    @property
    def keys(self) -> Path:
        """The unseal key and the root token."""
        return self.room / "keys.json"

    @property
    def role_id(self) -> Path:
        return self.room / "ancla-role-id"

    @property
    def secret_id(self) -> Path:
        return self.room / "ancla-secret-id"


def files(site: Site) -> Files:
    return Files(site.room("vault"))


def write_configuration(site: Site) -> None:
    pair = pki.ensure_server_certificate(site, "vault")
    files(site).data.mkdir(mode=0o700, parents=True, exist_ok=True)
    ensure_secret(files(site).configuration, json.dumps(render_configuration(files(site), pair), indent=2))


def render_configuration(where: Files, pair: Pair) -> dict[str, Any]:
    listener = {"address": f"{HOST_IP}:{PORT}", "tls_cert_file": str(pair.certificate), "tls_key_file": str(pair.key)}
    return {
        "ui": False,
        # Locking memory takes a capability that machines such as CI runners do not give.
        "disable_mlock": True,
        "api_addr": f"https://{HOST_IP}:{PORT}",
        "storage": {"file": {"path": str(where.data)}},
        "listener": [{"tcp": listener}],
    }
