"""Certificates that openssl makes: who signed them, for which names, and who may read the keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.certificates import Pair, ensure_authority, ensure_client, ensure_server
from engines.commands import run
from engines.errors import Trouble


@pytest.fixture
def authority(tmp_path: Path) -> Pair:
    pair = Pair(tmp_path / "pki", "ca")
    ensure_authority(pair, "an authority")
    return pair


def test_a_server_s_certificate_is_signed_for_its_names_and_no_others(authority: Pair) -> None:
    server = Pair(authority.folder, "server")
    ensure_server(server, authority, "server", ["DNS:web.example.org", "IP:127.0.0.1"])
    verify: list[str | Path] = ["openssl", "verify", "-purpose", "sslserver", "-CAfile", authority.certificate]
    run([*verify, "-verify_hostname", "web.example.org", server.certificate])
    run([*verify, "-verify_ip", "127.0.0.1", server.certificate])
    with pytest.raises(Trouble, match="mismatch"):
        run([*verify, "-verify_hostname", "other.example.org", server.certificate])


def test_a_client_s_certificate_names_user_and_group_and_is_no_server_s(authority: Pair) -> None:
    client = Pair(authority.folder, "client")
    ensure_client(client, authority, "ada", "admins")
    assert run(["openssl", "x509", "-in", client.certificate, "-noout", "-subject"]).strip() == "subject=O = admins, CN = ada"
    verify: list[str | Path] = ["openssl", "verify", "-CAfile", authority.certificate, "-purpose"]
    run([*verify, "sslclient", client.certificate])
    with pytest.raises(Trouble, match="purpose"):
        run([*verify, "sslserver", client.certificate])


def test_what_is_there_stays_and_keys_are_for_their_owner_alone(authority: Pair) -> None:
    before = authority.certificate.read_text()
    ensure_authority(authority, "an authority")
    assert authority.certificate.read_text() == before
    assert authority.key.stat().st_mode & 0o777 == 0o600
