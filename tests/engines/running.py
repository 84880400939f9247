"""The engines that run on this machine, for the tests that need them."""

from __future__ import annotations

import os

import pytest

from engines.site import Site, is_home, read_site


def running_site() -> Site:
    """Leaves the test out where none were named: a plain test run does not use what happens to run here."""
    found = read_site()
    if "ANCLA_ENGINES_HOME" not in os.environ or not is_home(found) or not found.environment.is_file():
        pytest.skip("no running engines were named: start them with 'make engines-up', and set ANCLA_ENGINES_HOME")
    return found
