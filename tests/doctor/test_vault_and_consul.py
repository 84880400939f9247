"""Vault and Consul, played by a server that answers as they do in good and in bad times."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.doctor.consul import WANTED, judge_leader, judge_rights, judge_token, look_at_consul
from chalicelib.doctor.examinations import Examination, examine
from chalicelib.doctor.findings import Finding, Trouble, Verdict
from chalicelib.doctor.http import Answer
from chalicelib.doctor.vault import judge_capabilities, judge_health, judge_mount, look_at_vault, wanted_capabilities
from chalicelib.settings import ConsulSettings, VaultSettings
from tests.contracts.scripted import Asked, Scripted, Told, scripted
from tests.contracts.signers import Authority

TOKEN = "s.a-token-that-must-not-show"


def answer(body: Any, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(body).encode())


def vault_answers(asked: Asked) -> Told:
    """A Vault in which all is well."""
    path = asked.path.partition("?")[0].removeprefix("/v1/")
    mounts = {"ancla": {"type": "kv", "options": {"version": "2"}}, "auth/kubernetes": {"type": "kubernetes"}}
    paths = json.loads(asked.body or b"{}").get("paths", [])
    bodies: dict[str, Any] = {
        "sys/health": {"sealed": False, "initialized": True, "version": "1.13.1"},
        "auth/approle/login": {"auth": {"client_token": TOKEN}},
        "auth/token/lookup-self": {"data": {"policies": ["ancla"]}},
        "sys/capabilities-self": {"data": {one: ["create", "read", "update", "delete", "list"] for one in paths}},
        "auth/token/revoke-self": {},
        **{f"sys/internal/ui/mounts/{at}": {"data": data} for at, data in mounts.items()},
    }
    return Told(200, json.dumps(bodies[path])) if path in bodies else Told(404, '{"errors": []}')


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


@pytest.fixture
def vault(authority: Authority) -> Iterator[Scripted]:
    with scripted(vault_answers, authority.issue("vault")) as server:
        yield server


@pytest.fixture
def chosen(vault: Scripted, authority: Authority, tmp_path: Path) -> VaultSettings:
    for name in ("role-id", "secret-id"):
        (tmp_path / name).write_text(f"{name}\n")
    return VaultSettings(
        address=f"https://{vault.address}",
        ca=authority.certificate,
        mount="ancla",
        kubernetes_auth="kubernetes",
        token_file=None,
        role_id_file=tmp_path / "role-id",
        secret_id_file=tmp_path / "secret-id",
    )


def findings(settings: VaultSettings | ConsulSettings) -> list[Finding]:
    look = (lambda: look_at_vault(settings)) if isinstance(settings, VaultSettings) else (lambda: look_at_consul(settings))
    return list(examine([Examination("it", look)])[0].findings)


def test_a_vault_in_which_all_is_well(chosen: VaultSettings, vault: Scripted) -> None:
    found = findings(chosen)
    assert [(one.check, one.verdict.value) for one in found] == [
        ("reached", "ok"),
        ("login", "ok"),
        ("KV engine", "ok"),
        ("Kubernetes auth", "ok"),
        ("rights", "ok"),
    ]
    assert vault.asked[-1].path == "/v1/auth/token/revoke-self", "the doctor's login is given back"
    assert not any(TOKEN in f"{one.seen} {one.hint}" for one in found)


def test_a_token_of_the_operators_is_not_given_back(chosen: VaultSettings, vault: Scripted, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    findings(VaultSettings(**{**as_fields(chosen), "token_file": tmp_path / "token"}))
    assert not [asked.path for asked in vault.asked if "revoke" in asked.path or "approle" in asked.path]


def test_an_authority_that_did_not_sign_the_certificate_is_named(chosen: VaultSettings, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other").certificate
    (found,) = findings(VaultSettings(**{**as_fields(chosen), "ca": other}))
    assert (found.check, found.verdict) == ("reached", Verdict.FAILED)
    assert "cannot be trusted" in found.seen and "ANCLA_VAULT_CA" in found.hint


def test_a_vault_that_refuses_the_login_is_asked_no_further(chosen: VaultSettings, vault: Scripted) -> None:
    vault.answer = lambda asked: Told(400, '{"errors": ["invalid role or secret ID"]}') if "login" in asked.path else vault_answers(asked)
    found = findings(chosen)
    assert [(one.check, one.verdict.value) for one in found] == [("reached", "ok"), ("login", "failed")]
    assert "invalid role or secret ID" in found[1].seen and "ANCLA_VAULT_SECRET_ID_FILE" in found[1].hint


@pytest.mark.parametrize(
    ("said", "status", "check"),
    [
        ({"sealed": True, "initialized": True}, 503, "seal"),
        ({"sealed": True, "initialized": False}, 501, "seal"),
        ({}, 200, "reached"),
        ({"sealed": False}, 404, "reached"),
    ],
)
def test_a_vault_that_is_closed_or_none_is_trouble(said: dict[str, Any], status: int, check: str) -> None:
    with pytest.raises(Trouble) as caught:
        judge_health(answer(said, status), "https://vault")
    assert caught.value.finding.check == check


def test_each_capability_that_is_missing_is_named(chosen: VaultSettings) -> None:
    wanted = wanted_capabilities(chosen)
    given = {path: sorted(needed) for path, needed in wanted.items()}
    assert judge_capabilities(wanted, given).verdict is Verdict.OK
    assert judge_capabilities(wanted, {path: ["root"] for path in wanted}).verdict is Verdict.OK
    given["ancla/destroy/ancla-doctor"] = ["deny"]
    given["sys/policies/acl/ancla-doctor"] = ["create", "read"]
    found = judge_capabilities(wanted, given)
    assert found.verdict is Verdict.FAILED
    assert "update on ancla/destroy/ancla-doctor; delete, update on sys/policies/acl/ancla-doctor" in found.seen


@pytest.mark.parametrize(
    ("data", "status", "verdict"),
    [
        ({"type": "kv", "options": {"version": "2"}}, 200, Verdict.OK),
        ({"type": "kv", "options": {"version": "1"}}, 200, Verdict.FAILED),
        ({"type": "kv", "options": None}, 200, Verdict.FAILED),
        ({"type": "transit"}, 200, Verdict.FAILED),
        ({}, 403, Verdict.FAILED),
    ],
)
def test_a_mount_has_to_be_of_the_right_kind(data: dict[str, Any], status: int, verdict: Verdict) -> None:
    found = judge_mount("KV engine", "ANCLA_VAULT_MOUNT", "ancla", "kv", answer({"data": data}, status))
    assert found.verdict is verdict
    assert verdict is Verdict.OK or "ANCLA_VAULT_MOUNT" in found.hint


@pytest.mark.parametrize(("said", "status"), [("", 200), ({}, 200), ("10.0.0.1:8300", 500)])
def test_a_consul_without_a_leader_or_none_is_trouble(said: Any, status: int) -> None:
    with pytest.raises(Trouble):
        judge_leader(answer(said, status), "https://consul")


def test_a_consul_that_does_not_know_the_token_is_trouble() -> None:
    with pytest.raises(Trouble) as caught:
        judge_token(Answer(403, {}, b"ACL not found"))
    assert "ANCLA_CONSUL_TOKEN_FILE" in caught.value.finding.hint
    assert judge_token(Answer(401, {}, b"ACL support disabled")).verdict is Verdict.WARNING


def test_each_right_that_consul_does_not_give_is_named() -> None:
    verdicts = [{**one, "Allow": True} for one in WANTED]
    assert judge_rights(answer(verdicts)).verdict is Verdict.OK
    found = judge_rights(answer([{**one, "Allow": one["Resource"] == "service"} for one in WANTED]))
    assert found.verdict is Verdict.FAILED
    assert found.seen.endswith("may not: write key ancla/catalog/ancla-doctor, write acl")


def test_a_consul_that_says_nothing_of_rights_is_no_failure() -> None:
    assert judge_rights(Answer(404, {}, b"")).verdict is Verdict.WARNING


@pytest.mark.parametrize(("status", "verdict"), [(404, Verdict.OK), (403, Verdict.FAILED)])
def test_without_a_token_consul_must_ask_for_none(status: int, verdict: Verdict, authority: Authority) -> None:
    def consul(asked: Asked) -> Told:
        return Told(200, '"10.0.0.1:8300"') if "leader" in asked.path else Told(status)

    with scripted(consul, authority.issue("consul")) as server:
        chosen = ConsulSettings(address=f"https://{server.address}", ca=authority.certificate, token_file=None)
        assert findings(chosen)[-1].verdict is verdict


def as_fields(chosen: VaultSettings) -> dict[str, Any]:
    return {name: getattr(chosen, name) for name in VaultSettings.__slots__}
