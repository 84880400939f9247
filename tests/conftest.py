"""Fixtures that every rank may use."""

from __future__ import annotations

import os

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from tests.world import World, make_world


@pytest.fixture
def world() -> World:
    return make_world()


_SECRETS_AND_CATALOG = "the one Vault and the one Consul, of which all is counted"
SHARED = {
    "tests/contracts/test_cluster": "the sample service's namespace",
    "tests/contracts/test_vault": _SECRETS_AND_CATALOG,
    "tests/contracts/test_catalog": _SECRETS_AND_CATALOG,
    "tests/engines/envconsul": _SECRETS_AND_CATALOG,
    "tests/engines/servers": _SECRETS_AND_CATALOG,
}
"""What files that begin so share on the real engines, where it is there once."""


class OneAfterTheOther(LoadFileScheduling):  # type: ignore[misc]
    """All tests of a file in one worker, and those of files that share something of the real engines too. (The groups that the plugin
    has for that are said in node ids, which pytest 9.2 does not let it change.)"""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        return next((what for start, what in SHARED.items() if path.startswith(start)), path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    return OneAfterTheOther(config, log) if os.environ.get("ANCLA_ENGINES_HOME") else None
