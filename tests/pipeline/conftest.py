"""The world of each test: one service, over virtual time."""

from __future__ import annotations

import pytest

from tests.simulation.world import World


@pytest.fixture
def world() -> World:
    return World()
