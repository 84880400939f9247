"""Where things are: the folder with the state of one running set, and the cache with what was built."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
MARK = "README"
MARK_TEXT = "State of Ancla's engines. `make engines-down` removes this folder.\n"


@dataclass(frozen=True, slots=True)
class Site:
    home: Path
    """All state of the running set: certificates, configuration, data, logs."""
    cache: Path
    """Built binaries and images, each in a folder named by its recipe's hash; shared by all checkouts."""

    def room(self, name: str) -> Path:
        """One engine family's part of the home."""
        return self.home / name

    def log(self, engine: str) -> Path:
        return self.home / "logs" / f"{engine}.log"

    def record(self, engine: str) -> Path:
        """Where the process of that engine is noted."""
        return self.home / "run" / f"{engine}.json"

    @property
    def environment(self) -> Path:
        """KEY=value lines: what a client of the running set needs to know."""
        return self.home / "environment"


def read_site(environment: Mapping[str, str] = os.environ) -> Site:
    """The site that ANCLA_ENGINES_HOME, ANCLA_ENGINES_CACHE and XDG_CACHE_HOME name."""
    cache_home = Path(environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "/root")) / ".cache")
    home = Path(environment.get("ANCLA_ENGINES_HOME") or CHECKOUT / ".engines-home")
    cache = Path(environment.get("ANCLA_ENGINES_CACHE") or cache_home / "ancla-engines")
    return Site(home=home.absolute(), cache=cache.absolute())


def ensure_home(site: Site) -> None:
    """Makes the home, with a mark by which `down` knows that it may delete it."""
    site.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in ("logs", "run"):
        (site.home / folder).mkdir(exist_ok=True)
    (site.home / MARK).write_text(MARK_TEXT)


def is_home(site: Site) -> bool:
    mark = site.home / MARK
    return mark.is_file() and mark.read_text() == MARK_TEXT
