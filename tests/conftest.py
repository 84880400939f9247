"""Fixtures that every rank may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world import World, make_world


@pytest.fixture
def world() -> World:
    return make_world()


ROOT = Path(__file__).parents[1]
_SECRETS_AND_CATALOG = "the one Vault and the one Consul, of which all is counted"
SHARED = {
    "tests/contracts/test_builder": "the one address that the registry sends for tokens to",
    "tests/contracts/test_cluster": "the sample service's namespace",
    "tests/contracts/test_vault": _SECRETS_AND_CATALOG,
    "tests/contracts/test_catalog": _SECRETS_AND_CATALOG,
    "tests/engines/envconsul": _SECRETS_AND_CATALOG,
    "tests/engines/servers": _SECRETS_AND_CATALOG,
}
"""What files that begin so share on the real engines, where it is there once."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """With `--dist loadgroup`, those that share something run one after the other, as all tests of one file do."""
    path = item.path.relative_to(ROOT).as_posix()
    item.add_marker(pytest.mark.xdist_group(next((what for start, what in SHARED.items() if path.startswith(start)), path)))
