"""What is run on one set from beginning to end, and beside which other shares run on other sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Share:
    name: str
    paths: tuple[str, ...]
    """Files and folders, from the checkout."""
    without: tuple[str, ...] = ()
    """Files in these folders that other shares have."""
    stories: bool = False
    """Whether an Ancla of its own stands on the engines."""

    def arguments(self) -> tuple[str, ...]:
        """What pytest is told."""
        # Where a suite runs on every adapter, `make test` has run it on the embedded one.
        chosen = () if self.stories else ("-k", "not embedded")
        return (*self.paths, *(f"--ignore={file}" for file in self.without), *chosen)

    def files(self) -> frozenset[str]:
        """The files with its tests, from the checkout."""
        told = [CHECKOUT / path for path in self.paths]
        found = [file for path in told for file in (path.rglob("test_*.py") if path.is_dir() else [path])]
        return frozenset(str(file.relative_to(CHECKOUT)) for file in found) - frozenset(self.without)

    def settings(self) -> Mapping[str, str]:
        return {"ANCLA_PROFILE": "engines"} if self.stories else {}


SLOW_STORIES = (
    "bad_deploys",
    "control_plane_faults",
    "engine_faults",
    "faults",
    "held_workers",
    "node_faults",
    "order",
    "stories",
    "twice",
)
"""Those that take minutes each."""
SECRETS = ("tests/contracts/test_vault*.py", "tests/engines/envconsul", "tests/engines/servers")
CATALOG = ("tests/contracts/test_catalog.py", "tests/contracts/test_consul_trouble.py")
REGISTRY = ("tests/contracts/test_registry*.py", "tests/doctor", "tests/engines/isolation")


def shares() -> tuple[Share, ...]:
    """All of them, the longest first, so that no set is left waiting for one that began last."""
    return (
        _stories("control_plane_faults"),
        _stories("held_workers"),
        Share("builder", _found("tests/contracts/test_builder*.py")),
        _stories("engine_faults"),
        Share("live", ("tests/engines/live",)),
        Share("cluster", _found("tests/contracts/test_cluster*.py")),
        _stories("faults"),
        _stories("node_faults"),
        _stories("stories"),
        _stories("order"),
        Share("other-stories", ("tests/journeys",), tuple(f"tests/journeys/test_{name}.py" for name in SLOW_STORIES), stories=True),
        _stories("bad_deploys"),
        Share("secrets", _found(*SECRETS, *CATALOG)),
        _stories("twice"),
        Share("registry", _found(*REGISTRY)),
    )


def _stories(name: str) -> Share:
    return Share(name.replace("_", "-"), (f"tests/journeys/test_{name}.py",), stories=True)


def _found(*patterns: str) -> tuple[str, ...]:
    """What is embedded alone is left to `make test`."""
    paths = [path for pattern in patterns for path in sorted(CHECKOUT.glob(pattern)) if not path.name.endswith("_embedded.py")]
    return tuple(str(path.relative_to(CHECKOUT)) for path in paths)
