"""The registry: what it says of itself, and whom it lets in."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.doctor.examinations import Examination, examine
from chalicelib.doctor.findings import Finding, Trouble, Verdict
from chalicelib.doctor.http import Answer
from chalicelib.doctor.registry import judge_challenge, look_at_registry
from chalicelib.settings import RegistrySettings
from tests.contracts.scripted import Asked, Scripted, Told, scripted
from tests.contracts.signers import Authority

CHALLENGE = 'Bearer realm="https://ancla.example/api/v1/integrations/docker/auth",service="ancla-registry"'


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


@pytest.fixture
def registry(authority: Authority) -> Iterator[Scripted]:
    with scripted(lambda asked: Told(401, headers={"WWW-Authenticate": CHALLENGE}), authority.issue("registry")) as server:
        yield server


@pytest.fixture
def chosen(registry: Scripted, authority: Authority) -> RegistrySettings:
    signer = authority.issue("signer")
    return RegistrySettings(
        address=registry.address,
        ca=authority.certificate,
        issuer="ancla",
        service="ancla-registry",
        signing_key=signer.key,
        signing_certificate=signer.certificate,
    )


def findings(chosen: RegistrySettings) -> list[Finding]:
    return list(examine([Examination("registry", lambda: look_at_registry(chosen))])[0].findings)


def verdicts(chosen: RegistrySettings) -> list[tuple[str, str]]:
    return [(one.check, one.verdict.value) for one in findings(chosen)]


def opens(token: str, path: str) -> bool:
    """Whether the token's claims name the repository of the path; what is no token opens nothing."""
    claims = token.split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return any(path.startswith(f"/v2/{access['name']}/manifests/") for access in said.get("access", ()))


def test_one_that_opens_what_a_token_names_is_well(chosen: RegistrySettings, registry: Scripted) -> None:
    def answers(asked: Asked) -> Told:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return Told(404) if token and opens(token, asked.path) else Told(401, headers={"WWW-Authenticate": CHALLENGE})

    registry.answer = answers
    assert {verdict for _, verdict in verdicts(chosen)} == {"ok"}


def test_one_that_takes_every_token_is_found_out(chosen: RegistrySettings, registry: Scripted) -> None:
    registry.answer = lambda asked: Told(401, headers={"WWW-Authenticate": CHALLENGE}) if asked.path == "/v2/" else Told(404)
    assert verdicts(chosen) == [
        ("token auth", "ok"),
        ("own token", "ok"),
        ("wrong token", "failed"),
        ("wrong token", "failed"),
        ("removal", "ok"),
    ]


def test_one_that_takes_no_token_of_ours_is_found_out(chosen: RegistrySettings) -> None:
    found = findings(chosen)
    assert [(one.check, one.verdict.value) for one in found] == [
        ("token auth", "ok"),
        ("own token", "failed"),
        ("wrong token", "ok"),
        ("wrong token", "ok"),
        ("removal", "failed"),
    ]
    assert "ANCLA_REGISTRY_SIGNING_CERT" in found[1].hint


def test_one_that_removes_nothing_is_found_out(chosen: RegistrySettings, registry: Scripted) -> None:
    def answers(asked: Asked) -> Told:
        challenged = asked.path == "/v2/" or asked.headers["authorization"].endswith("bm9ib2R5")
        return Told(401, headers={"WWW-Authenticate": CHALLENGE}) if challenged else Told(405 if asked.method == "DELETE" else 404)

    registry.answer = answers
    found = findings(chosen)[-1]
    assert (found.check, found.verdict) == ("removal", Verdict.FAILED)
    assert "storage.delete.enabled" in found.hint


def test_a_registry_in_trouble_is_not_taken_for_one_that_refuses(chosen: RegistrySettings, registry: Scripted) -> None:
    registry.answer = lambda asked: Told(401, headers={"WWW-Authenticate": CHALLENGE}) if asked.path == "/v2/" else Told(503)
    assert [verdict for check, verdict in verdicts(chosen) if check == "wrong token"] == ["failed", "failed"]


def test_a_key_of_another_certificate_is_said_first(chosen: RegistrySettings, authority: Authority) -> None:
    other = RegistrySettings(
        address=chosen.address,
        ca=chosen.ca,
        issuer=chosen.issuer,
        service=chosen.service,
        signing_key=authority.issue("other").key,
        signing_certificate=chosen.signing_certificate,
    )
    assert verdicts(other) == [("signing key", "failed")]


@pytest.mark.parametrize(
    ("status", "challenge", "verdict"),
    [
        (401, CHALLENGE, Verdict.OK),
        (401, CHALLENGE.replace("ancla-registry", "other"), Verdict.FAILED),
        (401, CHALLENGE.replace("/integrations/docker/auth", "/token"), Verdict.WARNING),
        (200, "", Verdict.FAILED),
    ],
)
def test_whom_it_sends_clients_to(chosen: RegistrySettings, status: int, challenge: str, verdict: Verdict) -> None:
    assert judge_challenge(Answer(status, {"WWW-Authenticate": challenge}, b""), chosen).verdict is verdict


@pytest.mark.parametrize(("status", "challenge"), [(404, ""), (401, 'Basic realm="x"')])
def test_what_is_no_registry_with_tokens_is_trouble(chosen: RegistrySettings, status: int, challenge: str) -> None:
    with pytest.raises(Trouble):
        judge_challenge(Answer(status, {"WWW-Authenticate": challenge}, b""), chosen)
