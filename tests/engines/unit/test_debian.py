"""The Debian packages that the engines stand on."""

from __future__ import annotations

import pytest

from engines.debian import Package, require_packages
from engines.errors import Trouble

THERE = Package("dpkg", "GPL-2.0-or-later")
NOWHERE = Package("no-such-package-of-debian", "MIT")


def test_packages_that_are_missing_are_named_and_nothing_is_installed() -> None:
    require_packages([THERE])
    with pytest.raises(Trouble) as caught:
        require_packages([THERE, NOWHERE])
    assert caught.value.message == "these Debian packages are missing: no-such-package-of-debian"
    assert caught.value.hint == "make engines"
