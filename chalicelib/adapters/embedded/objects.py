"""Reads objects of a bare repository: files of a commit, and its whole tree, over one `git cat-file --batch`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from chalicelib.adapters.embedded.git import Git
from chalicelib.adapters.embedded.git_problems import RepositoryProblem

MAX_FILE = 256 * 1024
MAX_MESSAGE = 64 * 1024
CHUNK = 256 * 1024
FILE, EXECUTABLE, LINK, MODULE = "100644", "100755", "120000", "160000"


@dataclass(frozen=True, slots=True)
class CommitFiles:
    """A commit's message, and the text of those files that are there."""

    message: str
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One file, link or submodule of a tree. `size` is 0 for a submodule."""

    mode: str
    oid: str
    size: int
    path: bytes


def read_files(git: Git, repository: Path, commit: str, paths: Sequence[str], *, seconds: float) -> CommitFiles:
    """The commit with its files at `paths` (links within the tree are followed). Raises RepositoryProblem, code file_invalid, for
    one that is too long or no text."""
    asked = "".join(f"{commit}:{path}\n" for path in paths) + f"{commit}\n"
    files: dict[str, str] = {}
    batch = ("cat-file", "--batch", "--follow-symlinks")
    with git.opened(batch, seconds=seconds, stdin=asked.encode(), directory=repository) as stream:
        for path in paths:
            kind, size = read_header(stream)
            if kind == "blob" and size > MAX_FILE:
                raise _invalid(path, f"has {size:,} bytes; {MAX_FILE:,} is the most", "shorten it")
            content = read_content(stream, size) if kind else b""
            if kind == "blob":
                files[path] = _text(path, content)
        kind, size = read_header(stream)
        if kind != "commit":
            raise RepositoryProblem("ref_not_found", f"{commit} is not a commit", "name a branch, a tag or a commit")
        return CommitFiles(_message(_read(stream, min(size, MAX_MESSAGE))), files)


def list_tree(git: Git, repository: Path, commit: str, *, seconds: float, limit: int) -> list[TreeEntry]:
    """All files, links and submodules of the commit, sorted by path. Raises RepositoryProblem, code tree_too_large, for a listing
    of more than `limit` bytes."""
    listing = git.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit, seconds=seconds, limit=limit + 1, directory=repository)
    if len(listing) > limit:
        raise RepositoryProblem("tree_too_large", "the repository has too many files", "keep large data outside of the repository")
    return sorted((_entry(line) for line in listing.split(b"\0")[:-1]), key=lambda entry: entry.path)


def read_header(stream: IO[bytes]) -> tuple[str, int]:
    """Kind and size of the next object; an empty kind when it is not there. Raises EOFError where the stream ends."""
    words = stream.readline().rstrip(b"\n").split(b" ")
    if words == [b""]:
        raise EOFError("git wrote fewer objects than it was asked for")
    if words[-1] in {b"missing", b"ambiguous"}:
        return "", 0
    return words[-2].decode(), int(words[-1])


def read_content(stream: IO[bytes], size: int) -> bytes:
    """The content behind a header, and the line end that follows it."""
    content = _read(stream, size)
    _read(stream, 1)
    return content


def _read(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError("git wrote less of an object than it said")
    return content


def _entry(line: bytes) -> TreeEntry:
    head, _, path = line.partition(b"\t")
    mode, _, oid, size = head.decode().split()
    return TreeEntry(mode, oid, int(size) if size != "-" else 0, path)


def _message(commit: bytes) -> str:
    return commit.partition(b"\n\n")[2].decode(errors="replace").strip()


def _text(path: str, content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise _invalid(path, "is not UTF-8 text", "save it as UTF-8") from error
    if "\0" in text:
        raise _invalid(path, "is not text", "save it as UTF-8")
    return text


def _invalid(path: str, problem: str, hint: str) -> RepositoryProblem:
    return RepositoryProblem("file_invalid", f"{path} {problem}", hint)
