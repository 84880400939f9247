"""Fixtures of the tests that deploy."""

from __future__ import annotations

import pytest

from chalicelib.domain.hierarchy import Service
from tests.usecases.pipeline import with_code
from tests.world import World


@pytest.fixture
def service(world: World) -> Service:
    """A service with a commit to deploy."""
    return with_code(world)
