"""What Ancla finds in Vault: its mount, its policy, its own login, and an audit log. All of it may be asked for again and again."""

from __future__ import annotations

import time
from pathlib import Path

from engines.errors import Trouble
from engines.pki.https import Server
from engines.pki.secrets import ensure_secret
from engines.site import Site
from engines.vault.operator import as_operator, server
from engines.vault.settings import MOUNT, files

POLICY = "ancla"
RULES = Path(__file__).parents[1] / "cluster" / "vault" / "ancla.hcl"
ROLE = "ancla"
KEPT_VERSIONS = 100
"""Of an entry. A run reads the version that it was resolved with, however many were written since; Vault's own 10 are too few."""
TOKEN_PERIOD = "1h"
"""A token is good for so long after its last renewal."""
UPGRADE_WITHIN = 10.0


def ensure_set_up(site: Site) -> None:
    vault = as_operator(site)
    _ensure_audit(vault, files(site).audit)
    _ensure_mount(vault)
    vault.call("PUT", f"/v1/sys/policies/acl/{POLICY}", {"policy": RULES.read_text()})
    ensure_auth(vault, "approle")
    ensure_auth(vault, "kubernetes")
    role = {"token_policies": [POLICY], "token_period": TOKEN_PERIOD}
    vault.call("POST", f"/v1/auth/approle/role/{ROLE}", role)
    _ensure_login(site, vault)


def ensure_auth(vault: Server, method: str) -> None:
    if f"{method}/" not in vault.call("GET", "/v1/sys/auth")["data"]:
        vault.call("POST", f"/v1/sys/auth/{method}", {"type": method})


def _ensure_audit(vault: Server, log: Path) -> None:
    if "file/" not in vault.call("GET", "/v1/sys/audit")["data"]:
        vault.call("PUT", "/v1/sys/audit/file", {"type": "file", "options": {"file_path": str(log)}})


def _ensure_mount(vault: Server) -> None:
    if f"{MOUNT}/" not in vault.call("GET", "/v1/sys/mounts")["data"]:
        vault.call("POST", f"/v1/sys/mounts/{MOUNT}", {"type": "kv", "options": {"version": "2"}})
    # A new mount answers 400 for a moment, while it makes itself one with versions.
    end = time.monotonic() + UPGRADE_WITHIN
    wanted = {"cas_required": True, "max_versions": KEPT_VERSIONS}
    while vault.ask("POST", f"/v1/{MOUNT}/config", wanted).status >= 300:
        if time.monotonic() > end:
            raise Trouble(f"vault's mount {MOUNT}/ takes no configuration", "make engines-logs NAME=vault")
        time.sleep(0.1)


def _ensure_login(site: Site, vault: Server) -> None:
    if _logs_in(site):
        return
    role_id = vault.call("GET", f"/v1/auth/approle/role/{ROLE}/role-id")["data"]["role_id"]
    ensure_secret(files(site).role_id, role_id)
    made = vault.call("POST", f"/v1/auth/approle/role/{ROLE}/secret-id")["data"]
    ensure_secret(files(site).secret_id, made["secret_id"])


def _logs_in(site: Site) -> bool:
    role_id, secret_id = files(site).role_id, files(site).secret_id
    if not role_id.is_file() or not secret_id.is_file():
        return False
    body = {"role_id": role_id.read_text(), "secret_id": secret_id.read_text()}
    return server(site).ask("POST", "/v1/auth/approle/login", body).status == 200
