"""What is left in a home of work that is over or was killed, removed once nobody can come back to it.

$HOME/builds/<build id>   a run looks at its build for some hours at most, and copies all that is worth keeping
$HOME/images/staging/…    a tree on its way; a worker that was killed leaves it
$HOME/git/<hash>.git      a cache: a repository that is asked for again is fetched again
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from chalicelib.adapters.embedded.build_folder import BuildFolder
from chalicelib.adapters.embedded.disk import remove_tree

DAY = 24 * 3600.0
CACHE_KEPT = 30 * DAY
"""Seconds after its last use for which a repository's cache is kept."""

_log = logging.getLogger(__name__)


def remove_leftovers(home: Path, now: float) -> None:
    """Removes them, as far as it can. Images that a repository of the registry has are none: any build may be deployed again."""
    for folder in _untouched(home / "builds", since=now - DAY):
        _remove_build(BuildFolder(folder))
    for folder in _untouched(home / "images" / "staging", since=now - DAY):
        _remove(folder)
    for folder in _untouched(home / "git", since=now - CACHE_KEPT):
        _remove(folder)


def _untouched(parent: Path, *, since: float) -> Iterator[Path]:
    """The folders in `parent` to which nothing was added, and from which nothing was taken, for so long."""
    try:
        entries = list(os.scandir(parent))
    except FileNotFoundError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < since:
                yield Path(entry.path)
        except FileNotFoundError:
            continue  # somebody else tidies, too


def _remove_build(folder: BuildFolder) -> None:
    """Unless a worker lives. The lock is held meanwhile, so that none begins."""
    lock = folder.take_lock()
    if lock is not None:
        try:
            _remove(folder.path)
        finally:
            os.close(lock)


def _remove(folder: Path) -> None:
    try:
        remove_tree(folder)
    except OSError as error:
        _log.warning("the leftover %s could not be removed: %s", folder, error)
