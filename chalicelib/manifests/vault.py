"""Where values lie in Vault, and who may read them there: paths, the policy and the role of a service."""

from __future__ import annotations

from typing import Any

MOUNT = "secret"
"""The KV v2 mount that Ancla writes to."""
AUDIENCE = "vault"
"""Whom the pods' service account tokens are for."""
TOKEN_PERIOD = 3600
"""Seconds. A periodic token is renewed without end, so no process loses its login while it runs."""

_POLICY = """\
path "{data}/*" {{
  capabilities = ["read"]
}}

path "auth/token/renew-self" {{
  capabilities = ["update"]
}}

path "auth/token/lookup-self" {{
  capabilities = ["read"]
}}

path "auth/token/revoke-self" {{
  capabilities = ["update"]
}}
"""


def scope_path(scope_id: str) -> str:
    """The entry that holds all secrets set at one scope."""
    return f"ancla/scopes/{scope_id}"


def snapshot_prefix(service_id: str) -> str:
    """What all frozen entries of a service lie below."""
    return f"ancla/services/{service_id}"


def snapshot_path(service_id: str, snapshot_hash: str) -> str:
    """The entry that holds the secrets frozen with one snapshot."""
    return f"{snapshot_prefix(service_id)}/{snapshot_hash}"


def data_path(path: str, *, mount: str = MOUNT) -> str:
    """The path under which a KV v2 reader asks for the entry at `path`."""
    return f"{mount}/data/{path}"


def role_name(service_id: str) -> str:
    """The name of both the role that the service's pods log in with and of the policy it gives them."""
    return f"ancla-{service_id}"


def render_policy(prefix: str, *, mount: str = MOUNT) -> str:
    """The policy in HCL: read the entries below the prefix, keep the own token alive or give it back, and nothing else."""
    return _POLICY.format(data=data_path(prefix, mount=mount))


def render_role(service_id: str, namespace: str, account: str) -> dict[str, Any]:
    """The body of the Kubernetes auth role: who of the cluster gets that policy."""
    return {
        "bound_service_account_names": [account],
        "bound_service_account_namespaces": [namespace],
        "audience": AUDIENCE,
        "token_policies": [role_name(service_id)],
        "token_no_default_policy": True,
        "token_period": TOKEN_PERIOD,
    }
