"""Writes the tree of a commit into a folder, file by file, as git has it: no filters, no hooks, no way out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from chalicelib.adapters.embedded.git import Git
from chalicelib.adapters.embedded.objects import CHUNK, EXECUTABLE, LINK, TreeEntry, list_tree, read_content, read_header
from chalicelib.adapters.embedded.tree_rules import check_entries, check_links, links_of

MAX_LISTING = 32 * 1024 * 1024


def check_out(git: Git, repository: Path, commit: str, tree: Path, *, seconds: float) -> list[TreeEntry]:
    """Writes all of the commit's files below `tree`, which must be empty, and returns what there is. Raises RepositoryProblem,
    code tree_unsafe or tree_too_large, before anything is written."""
    entries = list_tree(git, repository, commit, seconds=seconds, limit=MAX_LISTING)
    check_entries(entries)
    targets = _link_targets(git, repository, links_of(entries), seconds)
    check_links(targets)
    files = [entry for entry in entries if entry.mode != LINK]
    _write_files(git, repository, files, tree, seconds)
    for path, target in targets.items():
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
    return entries


def _link_targets(git: Git, repository: Path, links: Sequence[TreeEntry], seconds: float) -> dict[str, str]:
    if not links:
        return {}
    with _asked_for(links) as asked, git.opened(("cat-file", "--batch"), seconds=seconds, stdin=asked, directory=repository) as stream:
        return {link.path.decode(): _content(stream).decode(errors="surrogateescape") for link in links}


def _write_files(git: Git, repository: Path, files: Sequence[TreeEntry], tree: Path, seconds: float) -> None:
    if not files:
        return
    with _asked_for(files) as asked, git.opened(("cat-file", "--batch"), seconds=seconds, stdin=asked, directory=repository) as stream:
        for entry in files:
            place = tree / entry.path.decode()
            place.parent.mkdir(parents=True, exist_ok=True)
            _write(stream, place, 0o755 if entry.mode == EXECUTABLE else 0o644)


def _write(stream: IO[bytes], place: Path, mode: int) -> None:
    """Copies the next object to a new file; a name that is taken, by a link for one, is an error and is not followed."""
    _, left = read_header(stream)
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        while left:
            chunk = stream.read(min(left, CHUNK))
            if not chunk:
                raise EOFError("git wrote less of a file than it said")
            file.write(chunk)
            left -= len(chunk)
        os.fchmod(file.fileno(), mode)
    stream.read(1)


def _content(stream: IO[bytes]) -> bytes:
    _, size = read_header(stream)
    return read_content(stream, size)


def _asked_for(entries: Sequence[TreeEntry]) -> IO[bytes]:
    """A file with the names of the objects, for git to read at its own pace."""
    asked = tempfile.TemporaryFile()
    asked.write(b"".join(entry.oid.encode() + b"\n" for entry in entries))
    asked.seek(0)
    return asked
