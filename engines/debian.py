"""The Debian packages that the engines stand on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engines.commands import run
from engines.errors import Trouble

INSTALL_WITHIN = 900.0


@dataclass(frozen=True, slots=True, order=True)
class Package:
    name: str
    licence: str
    """SPDX identifier of the program itself."""


def ensure_packages(packages: Iterable[Package], say: Callable[[str], None] = print) -> None:
    """Installs what is missing, and says which version of each there is."""
    wanted = sorted(set(packages))
    missing = [package.name for package in wanted if not installed_version(package.name)]
    if missing:
        say(f"install {' '.join(missing)}")
        _install(missing)
    for package in wanted:
        say(f"have    {package.name} {installed_version(package.name)} ({package.licence}, Debian)")


def require_packages(packages: Iterable[Package]) -> None:
    missing = [package.name for package in sorted(set(packages)) if not installed_version(package.name)]
    if missing:
        raise Trouble(f"these Debian packages are missing: {' '.join(missing)}", "make engines")


def installed_version(name: str) -> str:
    """Empty if the package is not installed."""
    try:
        shown = run(["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", name])
    except Trouble:
        return ""
    status, _, version = shown.partition(" ")
    return version if status == "installed" else ""


def _install(names: list[str]) -> None:
    if os.geteuid() != 0:
        raise Trouble(f"these Debian packages are missing: {' '.join(names)}", "run this as root, or install them with apt-get")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], environment=quiet, timeout=INSTALL_WITHIN)
    run(["apt-get", "install", "-qy", "--no-install-recommends", *names], environment=quiet, timeout=INSTALL_WITHIN)
