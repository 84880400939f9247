"""A Vault of our own making: its door, and what is said behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.settings import VaultSettings
from tests.contracts.scripted import Asked, Told

LOGIN = "/v1/auth/approle/login"
LOOKUP = "/v1/auth/token/lookup-self"
RENEW = "/v1/auth/token/renew-self"


@dataclass
class Front:
    """Vault's door: logins hand out tokens that count until they are revoked here; behind it, `answer` decides."""

    answer: Callable[[Asked], Told] = lambda asked: errors(404)
    lease: int = 3600
    handed_out: int = 0
    valid: set[str] = field(default_factory=set)

    def serve(self, asked: Asked) -> Told:
        if asked.path == LOGIN:
            self.handed_out += 1
            token = f"t{self.handed_out}"
            self.valid.add(token)
            return told({"auth": {"client_token": token, "lease_duration": self.lease}})
        if asked.headers.get("x-vault-token") not in self.valid and not asked.path.endswith("/login"):
            return errors(403, "permission denied")
        if asked.path == LOOKUP:
            return told({"data": {"ttl": self.lease, "renewable": True}})
        if asked.path == RENEW:
            return told({"auth": {"client_token": "same", "lease_duration": self.lease}})
        return self.answer(asked)


def told(body: object, status: int = 200) -> Told:
    return Told(status, json.dumps(body), {"Content-Type": "application/json"})


def errors(status: int, *said: str) -> Told:
    return told({"errors": list(said)}, status)


def settings_of(address: str, folder: Path) -> VaultSettings:
    """How the Vault at that address is reached, with a login that is kept in the folder."""
    for name in ("role-id", "secret-id"):
        (folder / name).write_text(f"{name}\n")
    return VaultSettings(
        address=f"http://{address}",
        ca=None,
        mount="ancla",
        kubernetes_auth="kubernetes",
        token_file=None,
        role_id_file=folder / "role-id",
        secret_id_file=folder / "secret-id",
    )
