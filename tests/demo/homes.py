"""The folder that a demo lives in: a fresh one, or the one that was asked for."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

MARK = ".ancla-demo"
"""Says that a folder holds a demo, and may be cleared for the next one."""


class HomeProblem(Exception):
    """The folder cannot be used."""


@dataclass(frozen=True)
class Home:
    path: Path
    own: bool
    """Made for this demo alone, so that it can go with it."""

    def leave(self, *, keep_files: bool) -> None:
        if self.own and not keep_files:
            shutil.rmtree(self.path)


def prepared_home(wanted: str) -> Home:
    """An empty home. Raises HomeProblem rather than to clear a folder that holds anything but an earlier demo, or one that runs."""
    if not wanted:
        home = Home(Path(tempfile.mkdtemp(prefix="ancla-demo-")), own=True)
    else:
        home = Home(Path(wanted).absolute(), own=False)
        home.path.mkdir(parents=True, exist_ok=True)
        _clear(home.path)
    (home.path / MARK).touch()
    return home


def _clear(path: Path) -> None:
    entries = list(path.iterdir())
    if entries and not (path / MARK).exists():
        raise HomeProblem(f"{path} holds something else than an earlier demo; set ANCLA_HOME to an empty folder")
    if _in_use(path / "local.lock") or _in_use(path / "node.lock"):
        raise HomeProblem(f"a demo still runs in {path}; stop it, or set ANCLA_HOME to another folder")
    for entry in entries:
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _in_use(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
