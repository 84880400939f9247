"""What the lane runs: all that needs the real engines, each of it once."""

from __future__ import annotations

from collections import Counter

from tests.lane.runs import failed_tests
from tests.lane.shares import CHECKOUT, shares

NEEDS = ("engines_home", "real_builder", "real_consul", "real_vault", "cluster_kubernetes", "running_site", "GROUND")
"""A test file that names one of these looks at engines that run."""
UNIT = "tests/engines/unit/"
"""Looks at how the engines are made, and needs none."""


def files_in_need() -> set[str]:
    found = [path for path in CHECKOUT.glob("tests/*/**/test_*.py") if any(name in path.read_text() for name in NEEDS)]
    folders = [path for folder in ("journeys", "engines") for path in CHECKOUT.glob(f"tests/{folder}/**/test_*.py")]
    here = "tests/lane/"
    names = {str(path.relative_to(CHECKOUT)) for path in [*found, *folders]}
    return {name for name in names if not name.startswith((UNIT, here))}


def test_each_test_that_needs_real_engines_is_in_one_share() -> None:
    counted = Counter(file for share in shares() for file in share.files())
    assert files_in_need() - counted.keys() == set()
    assert [file for file, times in counted.items() if times > 1] == []


def test_every_share_has_tests_that_are_there() -> None:
    for share in shares():
        assert share.files(), share.name
        assert [file for file in share.files() if not (CHECKOUT / file).is_file()] == []


def test_the_tests_that_failed_are_read_from_what_pytest_sums_up() -> None:
    told = "\n".join(
        [
            "FAILED tests/journeys/test_order.py::test_both_get_live[push then config] - AssertionError: assert 1 == 2",
            "ERROR tests/contracts/test_vault.py::test_it - E",
            "FAILED tests/contracts/test_vault.py::test_it",
            "SKIPPED [8] tests/journeys/test_faults.py:12: it kills the embedded node",
            "2 failed, 1 passed in 3.2s",
        ]
    )
    assert failed_tests(told) == (
        "tests/journeys/test_order.py::test_both_get_live[push then config]",
        "tests/contracts/test_vault.py::test_it",
    )
