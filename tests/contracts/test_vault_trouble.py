"""Vault when it does not do as it should: over a server of our own making, and over a real one where that is up. Always a trouble of
ours, tried again, that says which."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.adapters.vault import HashicorpVault
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.vault import snapshot_path, snapshot_prefix
from chalicelib.ports.vault import Workload
from chalicelib.settings import VaultSettings
from tests.contracts.real_vault import cleared_vault, opened_vault, vault_settings
from tests.contracts.scripted import Scripted, Told, scripted
from tests.contracts.scripted_vault import RENEW, Front, errors, settings_of, told
from tests.contracts.signers import Authority

SERVICE = Workload(service_id="s1", namespace="ancla-acme", account="api")
ENTRY = snapshot_path("s1", "aaaa")


@pytest.fixture
def front() -> Front:
    return Front()


@pytest.fixture
def server(front: Front) -> Iterator[Scripted]:
    with scripted(front.serve) as serving:
        yield serving


@pytest.fixture
def settings(server: Scripted, tmp_path: Path) -> VaultSettings:
    return settings_of(server.address, tmp_path)


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
