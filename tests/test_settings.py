"""Ancla's own settings: read from the environment, and refused with the variable's name."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.settings import read_settings


def test_every_setting_has_a_default() -> None:
    settings = read_settings({})
    assert (settings.host, settings.port, settings.router_port, settings.kept_deploys) == ("127.0.0.1", 8700, 8701, 20)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANCLA_PORT", "0"),
        ("ANCLA_PORT", "eighty"),
        ("ANCLA_ROUTER_PORT", "65536"),
        ("ANCLA_KEEP_DEPLOYS", "1"),
        ("ANCLA_KEEP_DEPLOYS", "1001"),
        ("ANCLA_KEEP_DEPLOYS", "all"),
        ("ANCLA_PROFILE", "moon"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(Invalid, match=f"{name}='{value}'") as refused:
        read_settings({name: value})
    assert refused.value.code == "setting_invalid"
    assert refused.value.hint


def test_the_number_of_kept_deploys_can_be_set() -> None:
    assert read_settings({"ANCLA_KEEP_DEPLOYS": "2"}).kept_deploys == 2
