"""Paths, policy, role: a service reads its own frozen secrets and nothing else."""

from __future__ import annotations

import re

from chalicelib.manifests import vault

SERVICE = "5b0c3f0e-8a54-4d0e-9a2b-0a6f4f3c2d10"


def test_a_snapshots_entry_lies_below_its_services_prefix() -> None:
    assert vault.snapshot_path(SERVICE, "abc") == f"{vault.snapshot_prefix(SERVICE)}/abc"
    assert not vault.scope_path(SERVICE).startswith(vault.snapshot_prefix(SERVICE))


def test_the_policy_reads_the_services_entries_and_writes_none() -> None:
    policy = vault.render_policy(vault.snapshot_prefix(SERVICE))
    rules = dict(re.findall(r'path "([^"]+)" \{\s+capabilities = \["([a-z]+)"\]', policy))
    assert rules == {
        f"secret/data/ancla/services/{SERVICE}/*": "read",
        "auth/token/renew-self": "update",
        "auth/token/lookup-self": "read",
        "auth/token/revoke-self": "update",
    }
    assert policy.count("path ") == 4


def test_the_policy_is_for_the_mount_that_ancla_writes_to() -> None:
    assert 'path "elsewhere/data/ancla/services/1/*"' in vault.render_policy("ancla/services/1", mount="elsewhere")


def test_the_role_is_bound_to_one_account_and_gives_that_policy_alone() -> None:
    role = vault.render_role(SERVICE, "ancla-acme", "api-production-shop")
    assert role["bound_service_account_names"] == ["api-production-shop"]
    assert role["bound_service_account_namespaces"] == ["ancla-acme"]
    assert role["token_policies"] == [vault.role_name(SERVICE)]
    assert role["token_no_default_policy"] is True
    assert role["audience"] == "vault"
