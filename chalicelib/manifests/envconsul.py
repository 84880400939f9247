"""The configuration of envconsul, which starts a process with its secrets in the environment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from chalicelib.manifests.surroundings import Injector
from chalicelib.manifests.vault import data_path, role_name, snapshot_path

CONFIG_KEY = "envconsul.json"
CA_KEY = "vault-ca.crt"
CONFIG_DIRECTORY = "/etc/ancla"
TOKEN_DIRECTORY = "/var/run/secrets/ancla.dev/vault"
TOKEN_FILE = "token"
BINARY_DIRECTORY = "/ancla/bin"
DEFAULT_AUTH = "kubernetes"
COMMAND = (f"{BINARY_DIRECTORY}/envconsul", f"-config={CONFIG_DIRECTORY}/{CONFIG_KEY}")
"""What a container runs whose process has secrets."""


def render_envconsul(*, service_id: str, snapshot_hash: str, command: Sequence[str], injector: Injector) -> dict[str, Any]:
    """The configuration that runs `command` with the secrets frozen for the snapshot. It names them, it never holds one."""
    path = data_path(snapshot_path(service_id, snapshot_hash), mount=injector.vault_mount)
    config: dict[str, Any] = {
        "vault": {
            "address": injector.vault_address,
            "k8s_auth_role_name": role_name(service_id),
            "k8s_service_account_token_path": f"{TOKEN_DIRECTORY}/{TOKEN_FILE}",
            "renew_token": True,
            # 0 is without end: a Vault that is away for a while must not end a process that runs.
            "retry": {"attempts": 0},
        },
        # Its default is SIGINT, which many servers take for an interruption rather than for a wish to finish.
        "exec": {"command": list(command), "kill_signal": "SIGTERM"},
        "secret": [{"path": path, "no_prefix": True}],
    }
    if injector.vault_auth != DEFAULT_AUTH:
        config["vault"]["k8s_service_mount_path"] = injector.vault_auth
    if injector.vault_ca:
        config["vault"]["ssl"] = {"ca_cert": f"{CONFIG_DIRECTORY}/{CA_KEY}"}
    return config


def config_text(config: dict[str, Any]) -> str:
    """Its canonical JSON form: equal configurations have equal bytes."""
    return json.dumps(config, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def config_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
