"""The doctor on the real engines: well as they are, and with each setting wrong in turn."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.kinds import collection, place
from chalicelib.doctor.chosen import check_installation, examinations_of
from chalicelib.doctor.examinations import examine
from chalicelib.doctor.findings import Finding, Verdict
from chalicelib.doctor.report import render_json, render_text
from chalicelib.settings import read_settings
from tests.contracts.engines_home import engine_environment
from tests.contracts.signers import Authority
from tests.machine import free_port

NOBODY = "127.0.0.1:9"
"""Where nothing listens."""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    home = {"ANCLA_HOME": str(tmp_path / "home"), "ANCLA_PORT": str(free_port())}
    return {**engine_environment(), "ANCLA_PROFILE": "engines", **home}


def findings(environ: Mapping[str, str], engine: str) -> dict[str, Finding]:
    """Of that one engine, by check; of checks that are done twice the worse one counts."""
    chosen = [one for one in examinations_of(read_settings(environ)) if one.engine == engine]
    (found,) = examine(chosen)
    ordered = sorted(found.findings, key=lambda finding: finding.verdict is Verdict.FAILED)
    return {finding.check: finding for finding in ordered}


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def kubeconfig(environ: Mapping[str, str], path: Path, part: str, **changed: str) -> str:
    """Ancla's own, with one thing changed in its cluster or its user."""
    config: dict[str, Any] = json.loads(Path(environ["ANCLA_KUBECONFIG"]).read_text())
    config[f"{part}s"][0][part] |= changed
    return written(path, json.dumps(config))


def test_engines_that_are_well_have_nothing_that_failed_and_take_less_than_ten_seconds(environ: dict[str, str]) -> None:
    began = time.monotonic()
    found = check_installation(environ)
    engines = {one.engine for one in found}
    assert engines == {"settings", "machine", "kubernetes", "buildkit", "ingress", "vault", "consul", "registry", "git"}
    bad = [(one.engine, finding) for one in found for finding in one.findings if finding.verdict is not Verdict.OK]
    assert [(engine, finding) for engine, finding in bad if finding.check != "names"] == [], "this machine may know no name of services"
    assert time.monotonic() - began < 12


@pytest.mark.parametrize(
    ("engine", "changed", "check", "said"),
    [
        ("kubernetes", {"ANCLA_INGRESS_CLASS": "nobodys"}, "ingress class", "no IngressClass 'nobodys'"),
        ("kubernetes", {"ANCLA_ENVCONSUL_BINARY": "/nowhere"}, "envconsul", "/nowhere"),
        ("buildkit", {"ANCLA_BUILDKIT_ADDRESS": "tcp://10.96.0.12:1"}, "BuildKit", "10.96.0.12:1"),
        ("buildkit", {"ANCLA_BUILDKIT_TLS_SECRET": "nobodys"}, "client Secret", "no Secret 'nobodys'"),
        ("buildkit", {"ANCLA_BUILDKIT_NAMESPACE": "ancla-nowhere"}, "namespace", "no Namespace 'ancla-nowhere'"),
        ("buildkit", {"ANCLA_BUILDKIT_NAMESPACE": "kube-system"}, "rights", "create jobs.batch"),
        ("ingress", {"ANCLA_INGRESS_ADDRESS": NOBODY}, "address", NOBODY),
        ("vault", {"ANCLA_VAULT_ADDRESS": f"https://{NOBODY}"}, "reached", "refused"),
        ("vault", {"ANCLA_VAULT_MOUNT": "nowhere"}, "KV engine", "'nowhere'"),
        ("vault", {"ANCLA_VAULT_AUTH": "approle"}, "Kubernetes auth", "'approle'"),
        ("vault", {"ANCLA_VAULT_MOUNT": "nowhere"}, "rights", "create, read, update on nowhere/data/"),
        ("consul", {"ANCLA_CONSUL_ADDRESS": f"https://{NOBODY}"}, "reached", "refused"),
        ("registry", {"ANCLA_REGISTRY_ADDRESS": NOBODY}, "reached", "refused"),
        ("registry", {"ANCLA_REGISTRY_SERVICE": "another"}, "token auth", "'ancla-registry'"),
        ("registry", {"ANCLA_REGISTRY_SERVICE": "another"}, "own token", "takes no token of ours"),
        ("registry", {"ANCLA_REGISTRY_ISSUER": "another"}, "own token", "takes no token of ours"),
    ],
)
def test_a_setting_that_is_wrong_is_told_by_its_check(
    environ: dict[str, str], engine: str, changed: dict[str, str], check: str, said: str
) -> None:
    found = findings({**environ, **changed}, engine)[check]
    assert found.verdict is Verdict.FAILED and said in found.seen
    assert found.hint


@pytest.mark.parametrize("engine", ["vault", "consul", "registry"])
def test_a_wrong_authority_is_told(environ: dict[str, str], engine: str, tmp_path: Path) -> None:
    name = f"ANCLA_{engine.upper()}_CA"
    other = str(Authority(tmp_path / "pki").certificate)
    found = findings({**environ, name: other}, engine)["reached"]
    assert found.verdict is Verdict.FAILED and "cannot be trusted" in found.seen
    assert name in found.hint


@pytest.mark.parametrize(
    ("engine", "name", "check"),
    [
        ("vault", "ANCLA_VAULT_ROLE_ID_FILE", "login"),
        ("vault", "ANCLA_VAULT_SECRET_ID_FILE", "login"),
        ("vault", "ANCLA_VAULT_TOKEN_FILE", "login"),
        ("consul", "ANCLA_CONSUL_TOKEN_FILE", "token"),
    ],
)
def test_a_login_that_does_not_count_is_told(environ: dict[str, str], engine: str, name: str, check: str, tmp_path: Path) -> None:
    found = findings({**environ, name: written(tmp_path / "login", "f6f9c1c5-wrong-login")}, engine)[check]
    assert found.verdict is Verdict.FAILED and "wrong-login" not in f"{found.seen} {found.hint}"
    assert "ANCLA_" in found.hint


def test_a_token_of_consul_that_may_do_less_is_told(environ: dict[str, str]) -> None:
    agents = Path(environ["ANCLA_CONSUL_TOKEN_FILE"]).with_name("agent-token")
    found = findings({**environ, "ANCLA_CONSUL_TOKEN_FILE": str(agents)}, "consul")["rights"]
    assert found.verdict is Verdict.FAILED
    assert found.seen.endswith("write service ancla-doctor, write key ancla/catalog/ancla-doctor, write acl")


def test_a_signer_that_the_registry_does_not_trust_is_told(environ: dict[str, str], tmp_path: Path) -> None:
    signer = Authority(tmp_path / "pki").issue("signer")
    changed = {"ANCLA_REGISTRY_SIGNING_KEY": str(signer.key), "ANCLA_REGISTRY_SIGNING_CERT": str(signer.certificate)}
    found = findings({**environ, **changed}, "registry")["own token"]
    assert found.verdict is Verdict.FAILED and "ANCLA_REGISTRY_SIGNING_CERT" in found.hint


@pytest.mark.parametrize(
    ("part", "changed", "said"),
    [
        ("cluster", {"server": f"https://{NOBODY}"}, "refused"),
        ("user", {"token": "a-wrong-token"}, "does not take Ancla's credentials"),
    ],
)
def test_a_kubeconfig_that_leads_nowhere_is_told(
    environ: dict[str, str], part: str, changed: dict[str, str], said: str, tmp_path: Path
) -> None:
    config = kubeconfig(environ, tmp_path / "kubeconfig", part, **changed)
    for engine in ("kubernetes", "buildkit"):
        found = findings({**environ, "ANCLA_KUBECONFIG": config}, engine)["reached"]
        assert found.verdict is Verdict.FAILED and said in found.seen
        assert "a-wrong-token" not in f"{found.seen} {found.hint}"


def test_a_kubeconfig_with_another_authority_is_told(environ: dict[str, str], tmp_path: Path) -> None:
    config = json.loads(Path(environ["ANCLA_KUBECONFIG"]).read_text())
    del config["clusters"][0]["cluster"]["certificate-authority-data"]
    config["clusters"][0]["cluster"]["certificate-authority"] = str(Authority(tmp_path / "pki").certificate)
    found = findings({**environ, "ANCLA_KUBECONFIG": written(tmp_path / "kubeconfig", json.dumps(config))}, "kubernetes")["reached"]
    assert found.verdict is Verdict.FAILED and "is not trusted" in found.seen


def test_a_kubeconfig_that_is_none_is_told(environ: dict[str, str], tmp_path: Path) -> None:
    found = findings({**environ, "ANCLA_KUBECONFIG": written(tmp_path / "kubeconfig", "{}")}, "kubernetes")["kubeconfig"]
    assert found.verdict is Verdict.FAILED and "ANCLA_KUBECONFIG" in found.hint


def test_an_image_that_cannot_be_pulled_is_told(environ: dict[str, str]) -> None:
    found = findings({**environ, "ANCLA_ENVCONSUL_IMAGE": "localhost/nobodys:1"}, "kubernetes")["envconsul"]
    assert found.verdict is Verdict.FAILED and "localhost/nobodys:1" in found.seen


@pytest.fixture
def strange_client(environ: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """A Secret with certificates of an authority that BuildKit does not know, and does not know it."""
    authority = Authority(tmp_path / "strange")
    pair = authority.issue("buildctl")
    files = {"ca.pem": authority.certificate, "cert.pem": pair.certificate, "key.pem": pair.key}
    name = f"doctor-suite-{uuid.uuid4().hex[:8]}"
    data = {key: base64.b64encode(path.read_bytes()).decode() for key, path in files.items()}
    api = Api(Path(environ["ANCLA_KUBECONFIG"]))
    api.create(collection("Secret", "ancla-builds"), {"metadata": {"name": name, "namespace": "ancla-builds"}, "data": data})
    yield name
    api.delete(place("Secret", "ancla-builds", name), {})


def test_certificates_that_buildkit_does_not_take_are_told(environ: dict[str, str], strange_client: str) -> None:
    found = findings({**environ, "ANCLA_BUILDKIT_TLS_SECRET": strange_client}, "buildkit")
    assert found["client Secret"].verdict is Verdict.OK
    assert found["BuildKit"].verdict is Verdict.FAILED and "certificate" in found["BuildKit"].seen


def test_one_engine_that_is_away_keeps_no_other_from_being_looked_at(environ: dict[str, str]) -> None:
    """An address of a test network: whoever is asked there never answers."""
    away = {"ANCLA_VAULT_ADDRESS": "https://192.0.2.1:8200", "ANCLA_CONSUL_ADDRESS": f"https://{NOBODY}"}
    began = time.monotonic()
    found = {one.engine: {finding.verdict for finding in one.findings} for one in check_installation({**environ, **away})}
    assert time.monotonic() - began < 12
    assert {engine for engine, verdicts in found.items() if Verdict.FAILED in verdicts} == {"vault", "consul"}


def test_nothing_that_is_printed_is_a_secret(environ: dict[str, str]) -> None:
    config = json.loads(Path(environ["ANCLA_KUBECONFIG"]).read_text())
    files = ("ANCLA_VAULT_ROLE_ID_FILE", "ANCLA_VAULT_SECRET_ID_FILE", "ANCLA_CONSUL_TOKEN_FILE")
    secrets = [Path(environ[name]).read_text().strip() for name in files]
    secrets += [config["users"][0]["user"]["token"], *Path(environ["ANCLA_REGISTRY_SIGNING_KEY"]).read_text().splitlines()[1:-1]]
    found = check_installation({**environ, "ANCLA_VAULT_MOUNT": "nowhere", "ANCLA_REGISTRY_ISSUER": "another"})
    printed = render_text(found) + render_json(found)
    assert len(secrets) > 4 and all(secrets)
    assert [secret for secret in secrets if secret in printed] == []
