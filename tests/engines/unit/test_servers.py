"""What the servers beside Kubernetes are configured with, as pure functions of where things are."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from engines.buildkit.overlay import CLUSTER, SERVICE_IP, render_overlay, render_settings
from engines.certificates import Pair, ensure_authority, ensure_client
from engines.cluster import render_kubeconfig
from engines.commands import run
from engines.consul.settings import render_configuration as render_consul
from engines.pki.secrets import ensure_secret, ensure_token
from engines.registry.settings import Files, render_configuration, render_hosts
from engines.registry.tokens import certificate_body, raw_signature, render_claims, sign
from engines.rooms import RECIPES, define
from engines.site import Site
from engines.vault.settings import Files as VaultFiles
from engines.vault.settings import render_configuration as render_vault

PAIR = Pair(Path("/pki"), "server")


@pytest.fixture
def signer(tmp_path: Path) -> Pair:
    authority, signer = Pair(tmp_path, "authority"), Pair(tmp_path, "signer")
    ensure_authority(authority, "signers")
    ensure_client(signer, authority, "signer")
    return signer


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def der(*numbers: int) -> bytes:
    """SEQUENCE of INTEGERs, as openssl writes a signature."""
    parts = [number.to_bytes(number.bit_length() // 8 + 1, "big") for number in numbers]
    body = b"".join(bytes([2, len(part)]) + part for part in parts)
    return bytes([0x30, len(body)]) + body


@pytest.mark.parametrize(("r", "s"), [(1, 2), (2**256 - 1, 2**255), (2**255 - 1, 5), (2**240, 2**256 - 2)])
def test_a_signature_has_both_numbers_at_full_length(r: int, s: int) -> None:
    assert raw_signature(der(r, s)) == r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_a_token_is_signed_by_the_certificate_that_it_brings_along(signer: Pair, tmp_path: Path) -> None:
    header, claims, signature = sign({"sub": "somebody"}, signer).split(".")
    assert json.loads(decoded(header))["x5c"] == [certificate_body(signer.certificate.read_text())]
    assert json.loads(decoded(claims)) == {"sub": "somebody"}
    numbers = decoded(signature)
    (tmp_path / "signature").write_bytes(der(int.from_bytes(numbers[:32], "big"), int.from_bytes(numbers[32:], "big")))
    (tmp_path / "message").write_text(f"{header}.{claims}")
    (tmp_path / "key").write_text(run(["openssl", "x509", "-in", signer.certificate, "-noout", "-pubkey"]))
    checked: list[str | Path] = ["-verify", tmp_path / "key", "-signature", tmp_path / "signature", tmp_path / "message"]
    assert run(["openssl", "dgst", "-sha256", *checked]) == "Verified OK\n"


def test_a_token_is_for_minutes_and_for_what_was_asked() -> None:
    claims = render_claims({"b": ["pull"], "a": ("pull", "push")}, now=1000, nonce="n")
    assert claims["access"] == [
        {"type": "repository", "name": "a", "actions": ["pull", "push"]},
        {"type": "repository", "name": "b", "actions": ["pull"]},
    ]
    assert (claims["nbf"], claims["iat"], claims["exp"]) == (990, 1000, 1300)


def test_the_registry_trusts_the_signers_and_not_those_who_sign_for_servers() -> None:
    rendered = render_configuration(Files(Path("/r")), PAIR, Pair(Path("/r"), "token-authority"), "x")
    assert rendered["auth"]["token"]["rootcertbundle"] == "/r/token-authority.crt"
    assert rendered["http"]["tls"] == {"certificate": "/pki/server.crt", "key": "/pki/server.key"}
    assert rendered["storage"]["delete"] == {"enabled": True}


def test_containerd_checks_the_registrys_certificate() -> None:
    assert 'ca = "/pki/authority.crt"' in render_hosts(Path("/pki/authority.crt"))
    assert "skip_verify" not in render_hosts(Path("/pki/authority.crt"))


def test_vault_listens_with_tls_and_on_one_address() -> None:
    (listener,) = render_vault(VaultFiles(Path("/v")), PAIR)["listener"]
    assert listener == {"tcp": {"address": "10.199.0.1:8200", "tls_cert_file": "/pki/server.crt", "tls_key_file": "/pki/server.key"}}


def test_consul_denies_by_default_and_speaks_https_alone() -> None:
    rendered = render_consul(Path("/c"), PAIR, Path("/pki/authority.crt"), {"agent": "token"})
    assert rendered["acl"]["default_policy"] == "deny"
    assert {name: port for name, port in rendered["ports"].items() if port != -1} == {"https": 8501}


def test_buildkits_settings_are_those_of_users_clusters_with_the_registry_added() -> None:
    base = (CLUSTER / "buildkit" / "buildkitd.toml").read_text()
    rendered = render_settings(base)
    assert rendered.startswith(base)
    assert '[registry."10.199.0.1:5000"]\n  http = false\n' in rendered


def test_the_overlay_takes_the_image_that_was_built_here() -> None:
    rendered = render_overlay(["../base"], "localhost/buildkit:1.2")
    assert rendered["images"] == [{"name": "moby/buildkit", "newName": "localhost/buildkit", "newTag": "1.2"}]
    assert any(SERVICE_IP in patch["patch"] for patch in rendered["patches"])


def test_a_kubeconfig_carries_all_that_it_needs() -> None:
    rendered = render_kubeconfig(b"authority", "token")
    assert base64.b64decode(rendered["clusters"][0]["cluster"]["certificate-authority-data"]) == b"authority"
    assert rendered["users"] == [{"name": "ancla", "user": {"token": "token"}}]


def test_a_secrets_file_is_its_owners_alone_even_where_it_was_not(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    ensure_secret(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)


def test_a_token_is_made_once(tmp_path: Path) -> None:
    assert ensure_token(tmp_path / "token") == ensure_token(tmp_path / "token")


def test_no_secret_is_exported(tmp_path: Path) -> None:
    site = Site(tmp_path / "home", tmp_path / "cache")
    exported = {key: value for engine in define(site) for key, value in engine.exports.items()}
    spoken_of = {key for key in exported if key.endswith(("_FILE", "_KEY", "_CERT", "_CA", "KUBECONFIG"))}
    assert {key for key in spoken_of if not exported[key].startswith(str(tmp_path))} == set()
    assert [key for engine in define(site) for key in engine.exports].count("ANCLA_KUBECONFIG") == 1


def test_every_recipe_names_a_version_and_a_licence() -> None:
    assert [recipe.name for recipe in RECIPES if not recipe.version or not recipe.licence] == []
