"""What the doctor prints, and its exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import doctor
from chalicelib.doctor.chosen import examinations_of
from chalicelib.doctor.findings import Checkup, failed, ok, warning
from chalicelib.doctor.report import is_well, render_json, render_text
from chalicelib.settings import read_settings
from tests.machine import free_ports
from tests.test_settings import NEEDED

CHECKUPS = [
    Checkup(engine="settings", findings=[ok("complete", "profile engines")]),
    Checkup(engine="vault", findings=[warning("mode", "open to all", "close it"), failed("seal", "the vault is sealed", "unseal it")]),
]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"


def test_each_check_is_a_line_with_its_hint_below() -> None:
    assert render_text(CHECKUPS) == (
        "ok       settings  complete: profile engines\n"
        "warning  vault     mode: open to all\n"
        "                   -> close it\n"
        "failed   vault     seal: the vault is sealed\n"
        "                   -> unseal it\n"
        "\n"
        "1 ok, 1 warning, 1 failed"
    )


def test_the_same_is_one_json_object() -> None:
    said = json.loads(render_json(CHECKUPS))
    assert said["ok"] is False
    assert said["checks"][2] == {
        "engine": "vault",
        "check": "seal",
        "verdict": "failed",
        "seen": "the vault is sealed",
        "hint": "unseal it",
    }


@pytest.mark.parametrize(("finding", "well"), [(ok("a", "b"), True), (warning("a", "b", "c"), True), (failed("a", "b", "c"), False)])
def test_only_what_failed_is_bad(finding: object, well: bool) -> None:
    assert is_well([Checkup(engine="x", findings=[finding])]) is well  # type: ignore[list-item]


def test_a_healthy_machine_ends_with_0(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ports = {name: str(port) for name, port in zip(("ANCLA_PORT", "ANCLA_ROUTER_PORT"), free_ports(2), strict=True)}
    assert doctor.main(["--json"], {"ANCLA_HOME": str(home), **ports}) == 0
    said = json.loads(capsys.readouterr().out)
    assert {(check["engine"], check["check"]) for check in said["checks"]} >= {
        ("settings", "complete"),
        ("machine", "Python"),
        ("machine", "home"),
        ("machine", "disk"),
        ("machine", "API port"),
        ("embedded", "git"),
        ("embedded", "router port"),
    }
    assert not home.exists(), "who only looks makes nothing"


def test_all_settings_that_are_missing_are_named_and_the_exit_code_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main([], {"ANCLA_PROFILE": "engines"}) == 1
    out = capsys.readouterr().out
    assert out.startswith("failed   settings  complete: settings are missing: ")
    assert [name for name in NEEDED if name not in out] == []


def test_a_certificate_that_is_no_text_is_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ca.der").write_bytes(b"\xff\xfe")
    assert doctor.main([], {"ANCLA_CLUSTER": "kubernetes", "ANCLA_VAULT_CA": str(tmp_path / "ca.der")}) == 1
    assert "cannot be read" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--jsn"], ["vault"], ["--json", "x"]])
def test_wrong_usage_looks_at_nothing(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(arguments, {}) == 2
    assert capsys.readouterr() == ("", f"{doctor.USAGE}\n")


def test_only_the_engines_that_are_used_are_looked_at() -> None:
    environ = {"ANCLA_CATALOG": "consul", "ANCLA_CONSUL_ADDRESS": "https://consul.example:8501"}
    assert [one.engine for one in examinations_of(read_settings(environ))] == ["machine", "embedded", "consul"]
