"""Which trees are taken for an image: no way out of them, no names that deceive, no sizes that a machine chokes on."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from chalicelib.adapters.embedded.git_problems import RepositoryProblem
from chalicelib.adapters.embedded.objects import LINK, MODULE, TreeEntry

MAX_FILES = 50_000
MAX_BYTES = 500 * 1024 * 1024
MAX_HOPS = 40
"""As many links as Linux follows for one path."""
MAX_PATH = 2000
MAX_PART = 255


def check_entries(entries: Sequence[TreeEntry]) -> None:
    """Raises RepositoryProblem, code tree_unsafe or tree_too_large, naming the path, unless the tree can be written down."""
    if len(entries) > MAX_FILES:
        raise _too_large(f"has more than {MAX_FILES:,} files")
    for entry in entries:
        _check_entry(entry, shown(entry.path))
    if (total := sum(entry.size for entry in entries)) > MAX_BYTES:
        largest = max(entries, key=lambda entry: entry.size)
        raise _too_large(f"comes to {total:,} bytes, {shown(largest.path)} alone to {largest.size:,}; {MAX_BYTES:,} is the most")


def check_links(targets: Mapping[str, str]) -> None:
    """Raises RepositoryProblem, code tree_unsafe, for a link (path to target) that leads out of the tree, over other links too."""
    for path, target in targets.items():
        if not target or not _plain(target.encode(errors="surrogateescape")):
            raise _unsafe(f"the link {path!r} leads to a name that cannot be", "make it a link to a file within")
        if target.startswith("/"):
            raise _unsafe(f"the link {path!r} leads to {target[:80]!r}, outside of the repository", "make it a relative link")
        if leads_out(path, targets):
            raise _unsafe(f"the link {path!r} leads to {target[:80]!r}, outside of the repository", "let it point to a file within")


def leads_out(path: str, targets: Mapping[str, str]) -> bool:
    """Whether following `path` from the tree's root leaves the tree (or never ends), links on the way being followed."""
    place: list[str] = []
    ahead = list(reversed(path.split("/")))
    hops = 0
    while ahead:
        part = ahead.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            if not place:
                return True
            place.pop()
            continue
        here = posixpath.join(*place, part)
        if here not in targets:
            place.append(part)
            continue
        hops += 1
        if targets[here].startswith("/") or hops > MAX_HOPS:
            return True
        ahead += reversed(targets[here].split("/"))
    return False


def links_of(entries: Sequence[TreeEntry]) -> list[TreeEntry]:
    return [entry for entry in entries if entry.mode == LINK]


def shown(path: bytes) -> str:
    return "'" + "".join(_shown(character) for character in path.decode(errors="surrogateescape")) + "'"


def _shown(character: str) -> str:
    """The character itself, or how its byte is written where it is no text."""
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character if character.isprintable() else repr(character)[1:-1]


def _check_entry(entry: TreeEntry, name: str) -> None:
    if entry.mode == MODULE:
        raise _unsafe(f"{name} is a submodule", "commit its files, or install it as a package; submodules are not fetched")
    if not _plain(entry.path):
        raise _unsafe(f"{name} has a name with control characters, or one that is not UTF-8", "rename the file")
    if len(entry.path) > MAX_PATH or any(len(part) > MAX_PART for part in entry.path.split(b"/")):
        raise _unsafe(f"{name[:80]}… has a name that is too long for a disk", "rename the file")
    if entry.mode == LINK and entry.size > MAX_PATH:
        raise _unsafe(f"the link {name} leads to a name that is too long", "make it a link to a file within")


def _plain(path: bytes) -> bool:
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return False
    return not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text)


def _unsafe(message: str, hint: str) -> RepositoryProblem:
    return RepositoryProblem("tree_unsafe", message, hint)


def _too_large(problem: str) -> RepositoryProblem:
    return RepositoryProblem("tree_too_large", f"the repository {problem}", "keep large data outside of the repository")
