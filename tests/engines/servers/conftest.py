"""The running engines."""

from __future__ import annotations

import pytest

from engines.site import Site
from tests.engines.running import running_site


@pytest.fixture(scope="session")
def site() -> Site:
    return running_site()
