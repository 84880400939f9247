"""What is run on one set from beginning to end, and beside which other shares run on other sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Share:
    name: str
    paths: tuple[str, ...]
    """Files and folders, from the checkout."""
    without: tuple[str, ...] = ()
    """Patterns of files in these folders that other shares have."""
    stories: bool = False
    """Whether an Ancla of its own stands on the engines."""

    def arguments(self) -> tuple[str, ...]:
        """What pytest is told."""
        return (*self.paths, *(f"--ignore-glob={CHECKOUT / pattern}" for pattern in self.without))

    def settings(self) -> Mapping[str, str]:
        return {"ANCLA_PROFILE": "engines"} if self.stories else {}


BUILDER = "tests/contracts/test_builder*.py"
CLUSTER = "tests/contracts/test_cluster*.py"
SECRETS = "tests/contracts/test_vault*.py"
SLOW_STORIES = ("engine_faults", "held_workers", "order", "stories", "bad_deploys", "faults", "twice")
"""Those that take minutes each, the slowest first."""


def shares() -> tuple[Share, ...]:
    """All of them, the longest first, so that no set is left waiting for one that began last."""
    return (
        *(_stories(name) for name in SLOW_STORIES[:2]),
        Share("builder", tuple(_found(BUILDER))),
        *(_stories(name) for name in SLOW_STORIES[2:]),
        Share("live", ("tests/engines/live",)),
        Share("cluster", tuple(_found(CLUSTER))),
        Share("contracts", ("tests/contracts", "tests/doctor", "tests/engines/isolation"), without=(BUILDER, CLUSTER, SECRETS)),
        Share("other-stories", ("tests/journeys",), tuple(f"tests/journeys/test_{name}.py" for name in SLOW_STORIES), stories=True),
        Share("secrets", (*_found(SECRETS), "tests/engines/envconsul", "tests/engines/servers")),
    )


def _stories(name: str) -> Share:
    return Share(name.replace("_", "-"), (f"tests/journeys/test_{name}.py",), stories=True)


def _found(pattern: str) -> Iterator[str]:
    return (str(path.relative_to(CHECKOUT)) for path in sorted(CHECKOUT.glob(pattern)))
