"""The folders that a demo lives in: Ancla's home, a fresh one or the one that was asked for, and one for the person's code."""

from __future__ import annotations

import fcntl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from chalicelib.adapters.embedded.disk import remove_tree

DEFAULT_HOME = Path(".ancla-home")
MARK = ".ancla-demo"
"""Says that a folder holds a demo, and may be cleared for the next one."""


class HomeProblem(Exception):
    """The folder cannot be used."""


@dataclass(frozen=True)
class Home:
    path: Path
    code: Path
    """Where the sample's repository is: outside of `path`, since Ancla takes no code out of its own state."""
    own: bool
    """`path` was made for this demo alone, so that it can go with it, as `code` always does."""

    @property
    def facts(self) -> Path:
        """Where the facts go: into the home; where that goes with the demo, to where a home would be by default."""
        return (DEFAULT_HOME.absolute() if self.own else self.path) / "demo.json"

    def leave(self, *, keep_files: bool) -> None:
        if keep_files:
            return
        remove_tree(self.code)
        if self.own:
            remove_tree(self.path)


def prepared_home(wanted: str) -> Home:
    """An empty home. Raises HomeProblem rather than to clear a folder that holds anything but an earlier demo, or one that runs."""
    if wanted:
        path = Path(wanted).absolute()
        path.mkdir(parents=True, exist_ok=True)
        _clear(path)
    else:
        path = Path(tempfile.mkdtemp(prefix="ancla-demo-"))
    (path / MARK).touch()
    return Home(path, Path(tempfile.mkdtemp(prefix="ancla-demo-code-")), own=not wanted)


def _clear(path: Path) -> None:
    entries = list(path.iterdir())
    if entries and not (path / MARK).exists():
        raise HomeProblem(f"{path} holds something else than an earlier demo; set ANCLA_HOME to an empty folder")
    if _in_use(path / "local.lock") or _in_use(path / "node.lock"):
        raise HomeProblem(f"a demo still runs in {path}; stop it, or set ANCLA_HOME to another folder")
    for entry in entries:
        remove_tree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _in_use(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
