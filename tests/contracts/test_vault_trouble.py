"""Vault when it does not do as it should: over a server of our own making, and over a real one where that is up. Always a trouble of
ours, tried again, that says which."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from chalicelib.adapters.vault import HashicorpVault
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.vault import render_policy, render_role, snapshot_path, snapshot_prefix
from chalicelib.ports.vault import Workload
from chalicelib.settings import VaultSettings
from tests.contracts.real_vault import cleared_vault, opened_vault, vault_settings
from tests.contracts.scripted import Asked, Scripted, Told, scripted
from tests.contracts.signers import Authority

SERVICE = Workload(service_id="s1", namespace="ancla-acme", account="api")
ENTRY = snapshot_path("s1", "aaaa")
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


@pytest.fixture
def front() -> Front:
    return Front()


@pytest.fixture
def server(front: Front) -> Iterator[Scripted]:
    with scripted(front.serve) as serving:
        yield serving


@pytest.fixture
def settings(server: Scripted, tmp_path: Path) -> VaultSettings:
    for name in ("role-id", "secret-id"):
        (tmp_path / name).write_text(f"{name}\n")
    return VaultSettings(
        address=f"http://{server.address}",
        ca=None,
        mount="ancla",
        kubernetes_auth="kubernetes",
        token_file=None,
        role_id_file=tmp_path / "role-id",
        secret_id_file=tmp_path / "secret-id",
    )


@pytest.fixture
def vault(settings: VaultSettings) -> HashicorpVault:
    return opened_vault(settings)


def every_call(vault: HashicorpVault) -> list[Callable[[], object]]:
    return [
        lambda: vault.read(ENTRY),
        lambda: vault.newest_version(ENTRY),
        lambda: vault.write(ENTRY, {"A": Secret("hunter2")}, cas=0),
        lambda: vault.allow(SERVICE, snapshot_prefix("s1")),
        lambda: vault.readable(SERVICE, ENTRY),
        lambda: vault.destroy(ENTRY, 1),
        lambda: vault.purge(ENTRY),
        lambda: vault.disallow("s1"),
    ]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (errors(503, "Vault is sealed"), "vault_sealed"),
        (errors(503, "Vault is in standby mode"), "vault_unavailable"),
        (errors(501), "vault_unavailable"),
        (errors(500, "internal error"), "vault_unavailable"),
        (errors(429), "vault_unavailable"),
        (Told(502, "<html>"), "vault_unavailable"),
        (errors(403, "permission denied"), "vault_denied"),
        (errors(400, "Upgrading from non-versioned to versioned data"), "vault_denied"),
        (errors(404, 'no handler for route "ancla/data/x". route entry not found.'), "vault_mount_missing"),
    ],
)
def test_whatever_is_wrong_is_said_and_never_taken_for_nothing_there(front: Front, vault: HashicorpVault, answer: Told, code: str) -> None:
    front.answer = lambda asked: answer
    for call in every_call(vault):
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.code == code
        assert caught.value.hint
        assert "hunter2" not in caught.value.message


def test_a_sealed_vault_is_said_to_be_sealed(front: Front, vault: HashicorpVault) -> None:
    front.answer = lambda asked: errors(503, "Vault is sealed")
    with pytest.raises(Unavailable) as caught:
        vault.read(ENTRY)
    assert caught.value.message == "the vault is sealed"


def test_one_login_serves_many_calls(front: Front, vault: HashicorpVault) -> None:
    for _ in range(3):
        assert vault.read(ENTRY) is None
    assert front.handed_out == 1


def test_a_login_that_counts_no_more_is_taken_anew_and_the_call_made_again(front: Front, vault: HashicorpVault) -> None:
    vault.read(ENTRY)
    front.valid.clear()
    front.answer = lambda asked: told({"data": {"data": {"A": "1"}}})
    assert vault.read(ENTRY) == {"A": Secret("1")}
    assert front.handed_out == 2


def test_a_refusal_of_the_request_is_no_reason_to_log_in_again(front: Front, vault: HashicorpVault) -> None:
    front.answer = lambda asked: errors(403, "permission denied")
    with pytest.raises(Unavailable):
        vault.read(ENTRY)
    assert front.handed_out == 1


def test_a_login_is_renewed_at_half_its_life(front: Front, server: Scripted, vault: HashicorpVault) -> None:
    front.lease = 1
    end = time.monotonic() + 5
    while RENEW not in [asked.path for asked in server.asked]:
        assert vault.read(ENTRY) is None
        assert time.monotonic() < end, "the login was not renewed"
    assert front.handed_out == 1


def test_a_login_without_an_end_is_not_renewed(front: Front, server: Scripted, vault: HashicorpVault) -> None:
    front.lease = 0
    for _ in range(3):
        vault.read(ENTRY)
    assert RENEW not in [asked.path for asked in server.asked]


def test_a_wrong_secret_id_is_said_to_be_a_refused_login(server: Scripted, vault: HashicorpVault) -> None:
    server.answer = lambda asked: errors(400, "invalid role or secret ID")
    with pytest.raises(Unavailable, match="invalid role or secret ID") as caught:
        vault.read(ENTRY)
    assert caught.value.code == "vault_denied"


def test_a_token_file_is_read_again_when_its_token_counts_no_more(front: Front, settings: VaultSettings, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    front.valid = {"first"}
    vault = opened_vault(replace(settings, token_file=token))
    assert vault.read(ENTRY) is None
    front.valid = {"second"}
    token.write_text("second")
    assert vault.read(ENTRY) is None
    assert front.handed_out == 0


def test_a_login_that_cannot_be_read_is_named(settings: VaultSettings, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=f"cannot be read from {tmp_path}/gone") as caught:
        opened_vault(replace(settings, token_file=tmp_path / "gone")).read(ENTRY)
    assert caught.value.code == "vault_denied"


def test_a_vault_that_is_away_is_named(settings: VaultSettings) -> None:
    with pytest.raises(Unavailable, match="http://127.0.0.1:1 could not read") as caught:
        opened_vault(replace(settings, address="http://127.0.0.1:1")).read(ENTRY)
    assert caught.value.code == "vault_unavailable"


def test_a_certificate_of_another_authority_is_said_to_be_that(settings: VaultSettings, front: Front, tmp_path: Path) -> None:
    mine, another = Authority(tmp_path / "mine"), Authority(tmp_path / "another")
    with scripted(front.serve, mine.issue("server")) as server:
        address = f"https://{server.address}"
        with pytest.raises(Unavailable, match="certificate that cannot be trusted") as caught:
            opened_vault(replace(settings, address=address, ca=another.certificate)).read(ENTRY)
        assert server.asked == [], "the login went to who could not show that it is Vault"
        assert opened_vault(replace(settings, address=address, ca=mine.certificate)).read(ENTRY) is None
    assert caught.value.code == "vault_untrusted"


# As the workload itself.


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
    front: Front, vault: HashicorpVault, role: object, policy: str | None, readable: bool
) -> None:
    def answer(asked: Asked) -> Told:
        if "/role/" in asked.path:
            return errors(404) if role is None else told({"data": role})
        if "/policies/" in asked.path:
            return errors(404) if policy is None else told({"data": {"name": "ancla-s1", "policy": policy}})
        return FOUND

    front.answer = answer
    assert vault.readable(SERVICE, ENTRY) is readable


# A real Vault.


def test_a_real_vault_refuses_a_token_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hvs.nonsense")
    with pytest.raises(Unavailable) as caught:
        opened_vault(replace(vault_settings(), token_file=tmp_path / "token")).read(ENTRY)
    assert caught.value.code == "vault_denied"


def test_a_real_vault_without_the_mount_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(Unavailable) as caught:
        opened_vault(replace(vault_settings(), mount="never-mounted")).read(ENTRY)
    assert caught.value.code in {"vault_mount_missing", "vault_denied"}


def test_a_real_vault_keeps_more_versions_than_it_would_by_itself() -> None:
    path = "ancla/scopes/many-versions"
    with cleared_vault([path], []) as vault:
        for number in range(120):
            vault.write(path, {"N": Secret(str(number))}, cas=number)
        assert vault.read(path, version=1) == {"N": Secret("0")}
