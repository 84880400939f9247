"""Repositories that are paths of this machine: what git would open, and which of them it must not."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

from chalicelib.adapters.embedded.git_problems import RepositoryProblem

_FILE = "file:"
_SYSTEMS_OWN = (Path("/proc"), Path("/sys"), Path("/dev"))
"""Names that mean something else to each process that reads them."""


def address_for_git(location: str, home: Path) -> str:
    """What git is given for `location`: a path of this machine with all its links followed, so that it is the one looked at here;
    else the location as it is. Raises RepositoryProblem for a path in the system's own folders, or in `home`: there lie the copies
    of repositories that others gave, and the keys."""
    path = _path_of(location)
    if path is None:
        return location
    real = Path(os.path.realpath(path))
    for opened in (path, real, _led_to(real)):
        if any(_within(opened, folder) for folder in _SYSTEMS_OWN):
            raise _refused(location, "the system's own folders")
        if _within(opened, Path(os.path.realpath(home))):
            raise _refused(location, "the folder with Ancla's own state")
    return str(real)


def _path_of(location: str) -> Path | None:
    """The path that git reads out of the location: it decodes URLs, and passes over a host."""
    if location.startswith("/"):
        return Path(os.path.normpath(location))
    if not location.lower().startswith(_FILE):
        return None
    decoded = os.fsdecode(unquote_to_bytes(location[len(_FILE) :]))
    _, slash, path = decoded.removeprefix("//").partition("/")
    return Path(os.path.normpath(slash + path))


def _led_to(path: Path) -> Path:
    """Where a work tree says that its repository is, as submodules and linked work trees do; else the path itself."""
    try:
        text = (path / ".git" if path.is_dir() else path).read_bytes()[:4096]
    except OSError:
        return path
    target = os.fsdecode(text.removeprefix(b"gitdir: ").strip()) if text.startswith(b"gitdir: ") else ""
    return Path(os.path.realpath(path / target)) if target and "\0" not in target else path


def _within(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _refused(location: str, where: str) -> RepositoryProblem:
    return RepositoryProblem("repository_unsafe", f"{location} leads into {where}", "give a repository outside of it")
