"""What a workload may read, asked as the workload itself: its login goes through the cluster, and the answer is the truth either way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.vault import render_policy, render_role, snapshot_path, snapshot_prefix
from chalicelib.ports.vault import Workload
from chalicelib.settings import VaultSettings
from tests.contracts.real_vault import opened_vault
from tests.contracts.scripted import Asked, Told, scripted
from tests.contracts.scripted_vault import Front, errors, settings_of, told

SERVICE = Workload(service_id="s1", namespace="ancla-acme", account="api")
ENTRY = snapshot_path("s1", "aaaa")


@pytest.fixture
def front() -> Front:
    return Front()


@pytest.fixture
def settings(front: Front, tmp_path: Path) -> Iterator[VaultSettings]:
    with scripted(front.serve) as server:
        yield settings_of(server.address, tmp_path)


def find_token(namespace: str, account: str, audience: str) -> Secret | None:
    return Secret(f"jwt of {namespace}/{account} for {audience}")


def as_workload(front: Front, login: Told, entry: Told) -> list[Asked]:
    """Answers the workload's login and its read; what was asked is kept."""
    seen: list[Asked] = []
    front.valid.add("pod")

    def answer(asked: Asked) -> Told:
        seen.append(asked)
        if asked.path.endswith("/login"):
            return login
        return Told(204) if asked.path.endswith("revoke-self") else entry

    front.answer = answer
    return seen


LOGGED_IN = told({"auth": {"client_token": "pod", "lease_duration": 3600}})
FOUND = told({"data": {"data": {"A": "1"}}})


def test_what_is_readable_is_read_as_a_pod_does_and_the_login_given_back(front: Front, settings: VaultSettings) -> None:
    seen = as_workload(front, LOGGED_IN, FOUND)
    assert opened_vault(settings, find_token).readable(SERVICE, ENTRY)
    login, read, revoked = seen
    assert json.loads(login.body) == {"role": "ancla-s1", "jwt": "jwt of ancla-acme/api for vault"}
    assert (read.path.split("?")[0], read.headers["x-vault-token"]) == (f"/v1/ancla/data/{ENTRY}", "pod")
    assert (revoked.path, revoked.headers["x-vault-token"]) == ("/v1/auth/token/revoke-self", "pod")


@pytest.mark.parametrize(
    ("login", "entry"),
    [
        (errors(400, 'invalid role name "ancla-s1"'), FOUND),
        (errors(403, "permission denied"), FOUND),
        (LOGGED_IN, errors(403, "permission denied")),
        (LOGGED_IN, errors(404)),
    ],
)
def test_a_role_that_is_missing_or_refuses_makes_an_entry_unreadable(
    front: Front, settings: VaultSettings, login: Told, entry: Told
) -> None:
    as_workload(front, login, entry)
    assert not opened_vault(settings, find_token).readable(SERVICE, ENTRY)


def test_a_vault_that_cannot_ask_the_cluster_is_a_trouble_of_ours(front: Front, settings: VaultSettings) -> None:
    as_workload(front, errors(500, "connection refused"), FOUND)
    with pytest.raises(Unavailable, match="log in as 'ancla-s1'"):
        opened_vault(settings, find_token).readable(SERVICE, ENTRY)


POLICY = render_policy(snapshot_prefix("s1"), mount="ancla")
ROLE = render_role("s1", "ancla-acme", "api")


@pytest.mark.parametrize(
    ("role", "policy", "readable"),
    [
        (ROLE, POLICY, True),
        ({**ROLE, "audience": ""}, POLICY, False),
        ({**ROLE, "bound_service_account_names": ["*"]}, POLICY, False),
        ({**ROLE, "token_policies": ["root"]}, POLICY, False),
        (ROLE, POLICY.replace("services/s1", "services/s2"), False),
        (ROLE, POLICY + "#", False),
        (None, POLICY, False),
        (ROLE, None, False),
    ],
)
def test_before_there_is_an_account_role_and_policy_are_compared(
    front: Front, settings: VaultSettings, role: object, policy: str | None, readable: bool
) -> None:
    def answer(asked: Asked) -> Told:
        if "/role/" in asked.path:
            return errors(404) if role is None else told({"data": role})
        if "/policies/" in asked.path:
            return errors(404) if policy is None else told({"data": {"name": "ancla-s1", "policy": policy}})
        return FOUND

    front.answer = answer
    assert opened_vault(settings).readable(SERVICE, ENTRY) is readable
