"""The rivals' pods read a secret as Ancla's do: from Vault, as their own account. What is set up for that is taken away again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib.manifests.envconsul import CONFIG_KEY, config_text
from chalicelib.manifests.vault import AUDIENCE, TOKEN_PERIOD, data_path, render_policy
from chalicelib.ports.cluster import Manifest
from engines.pki.https import Server
from engines.site import Site
from engines.vault.operator import as_operator
from engines.vault.settings import MOUNT

NAME = "ancla-bench-rivals"
"""Of the policy, of the role, and of what lies below the mount."""
ENTRY = f"{NAME}/web"


@dataclass(frozen=True, slots=True)
class Readers:
    """The accounts that may read the entry."""

    account: str
    namespaces: Sequence[str]


@contextmanager
def shared_secret(site: Site, readers: Readers, values: Mapping[str, str]) -> Iterator[None]:
    vault = as_operator(site)
    _take_away(vault)
    try:
        vault.call("PUT", f"/v1/sys/policies/acl/{NAME}", {"policy": render_policy(NAME, mount=MOUNT)})
        vault.call("POST", f"/v1/auth/kubernetes/role/{NAME}", _role(readers))
        vault.call("POST", f"/v1/{data_path(ENTRY, mount=MOUNT)}", {"options": {"cas": 0}, "data": dict(values)})
        yield
    finally:
        _take_away(vault)


def reading_shared_secret(objects: Sequence[Manifest]) -> list[Manifest]:
    """The same objects, but that pods take their secrets from the shared entry."""
    return [_reading(one) if CONFIG_KEY in one.get("data", {}) else one for one in objects]


def _reading(config_map: Manifest) -> Manifest:
    config: dict[str, Any] = json.loads(config_map["data"][CONFIG_KEY])
    config["vault"]["k8s_auth_role_name"] = NAME
    config["secret"] = [{"path": data_path(ENTRY, mount=MOUNT), "no_prefix": True}]
    return {**config_map, "data": {**config_map["data"], CONFIG_KEY: config_text(config)}}


def _role(readers: Readers) -> dict[str, Any]:
    return {
        "bound_service_account_names": [readers.account],
        "bound_service_account_namespaces": list(readers.namespaces),
        "audience": AUDIENCE,
        "token_policies": [NAME],
        "token_no_default_policy": True,
        "token_period": TOKEN_PERIOD,
    }


def _take_away(vault: Server) -> None:
    for path in (f"{MOUNT}/metadata/{ENTRY}", f"auth/kubernetes/role/{NAME}", f"sys/policies/acl/{NAME}"):
        vault.call("DELETE", f"/v1/{path}")
