"""The way to services."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.doctor.findings import Verdict
from chalicelib.doctor.ingress import look_at_address, look_at_names
from tests.contracts.scripted import Told, scripted
from tests.machine import free_port


def test_an_address_at_which_something_answers_is_well(tmp_path: Path) -> None:
    with scripted(lambda asked: Told()) as server:
        host, _, port = server.address.partition(":")
        assert look_at_address(host, int(port)).verdict is Verdict.OK


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_an_address_at_which_nothing_answers_is_named(host: str) -> None:
    port = free_port()
    found = look_at_address(host, port)
    assert found.verdict is Verdict.FAILED
    assert f"{host}:{port}" in found.seen and "ANCLA_INGRESS_ADDRESS" in found.hint


@pytest.mark.parametrize("domain", ["invalid", "a-label-that-is-too-long-" * 4])
def test_names_that_lead_nowhere_are_warned_of(domain: str) -> None:
    found = look_at_names(domain)
    assert found.verdict is Verdict.WARNING
    assert f"*.{domain}" in found.hint
