"""Git servers: networks, logins, certificates, and whether they answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.doctor.examinations import Examination, examine
from chalicelib.doctor.findings import Finding, Verdict
from chalicelib.doctor.source import look_at_source
from chalicelib.settings import SourceSettings
from tests.contracts.scripted import Told, scripted
from tests.contracts.signers import Authority


@pytest.fixture
def logins(tmp_path: Path) -> Path:
    path = tmp_path / "logins"
    path.touch(mode=0o600)
    return path


def findings(*, networks: tuple[str, ...] = (), credentials: Path | None = None, ca: Path | None = None) -> list[Finding]:
    chosen = SourceSettings(networks=networks, credentials=credentials, ca=ca)
    return list(examine([Examination("git", lambda: look_at_source(chosen))])[0].findings)


def test_nothing_set_is_public_repositories_alone() -> None:
    assert {finding.verdict for finding in findings()} == {Verdict.OK}


def test_what_is_no_network_is_named() -> None:
    (found,) = findings(networks=("10.0.0.0/33",))
    assert found.verdict is Verdict.FAILED and "ANCLA_GIT_NETWORKS" in found.seen


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("nothing")
    found = findings(ca=tmp_path / "ca")[-1]
    assert (found.check, found.verdict) == ("authority", Verdict.FAILED)


def test_a_line_that_is_no_login_is_named_without_what_is_in_it(logins: Path) -> None:
    logins.write_text("https://secret-token@\n")
    found = findings(credentials=logins)[-1]
    assert found.verdict is Verdict.FAILED and "line 1" in found.seen
    assert "secret-token" not in f"{found.seen} {found.hint}"


def test_logins_that_others_can_read_are_warned_of(logins: Path) -> None:
    logins.chmod(0o644)
    assert findings(credentials=logins)[-1].verdict is Verdict.WARNING


def test_each_server_that_there_is_a_login_for_is_reached(logins: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    with scripted(lambda asked: Told(), authority.issue("git")) as server:
        logins.write_text(f"https://ancla:secret-token@{server.address}\n")
        found = findings(networks=("127.0.0.0/8",), credentials=logins, ca=authority.certificate)
        assert found[-1].verdict is Verdict.OK
        assert not any("secret-token" in finding.seen for finding in found)
        refused = findings(credentials=logins, ca=authority.certificate)[-1]
        assert refused.verdict is Verdict.FAILED and "ANCLA_GIT_NETWORKS" in refused.hint
        untrusted = findings(networks=("127.0.0.0/8",), credentials=logins)[-1]
        assert untrusted.verdict is Verdict.FAILED and "not trusted" in untrusted.seen
