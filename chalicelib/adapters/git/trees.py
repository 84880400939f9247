"""From a commit to its files, as git itself would find them: links within the tree are followed, none leads out of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chalicelib.adapters.git.packs import Object

MAX_HOPS = 40
"""As many links as Linux follows for one path."""
MAX_MESSAGE = 64 * 1024
TREE, LINK, MODULE = 0o040000, 0o120000, 0o160000
_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0]+)\0(.{20})", re.DOTALL)
_TREE_LINE = re.compile(rb"tree ([0-9a-f]{40})\n")

Load = Callable[[str], Object | None]
"""The object with that hash; None where it is not to be had."""


class NoTree(Exception):
    """The object is none that files can be found in."""


@dataclass(frozen=True, slots=True)
class Entry:
    mode: int
    oid: str


def tree_of(commit: Object) -> str:
    """The hash of the commit's tree."""
    found = _TREE_LINE.match(commit.content)
    if found is None:
        raise NoTree("its commit names no tree")
    return found[1].decode()


def message_of(commit: Object) -> str:
    return commit.content[:MAX_MESSAGE].partition(b"\n\n")[2].decode(errors="replace").strip()


def find_file(load: Load, tree: str, path: str) -> Entry | None:
    """The entry of the file at `path`, wherever links lead; None for what is no file of the tree."""
    place: list[tuple[str, Entry]] = []
    ahead = list(reversed(path.split("/")))
    hops = 0
    while ahead:
        part = ahead.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            if not place:
                return None
            place.pop()
            continue
        entry = _child(load, place[-1][1] if place else Entry(TREE, tree), part)
        if entry is None or entry.mode == MODULE:
            return None
        if entry.mode != LINK:
            place.append((part, entry))
            continue
        hops += 1
        target = _target(load, entry)
        if hops > MAX_HOPS or not target or target.startswith("/"):
            return None
        ahead += reversed(target.split("/"))
    found = place[-1][1] if place else None
    return found if found is not None and found.mode != TREE else None


def _child(load: Load, folder: Entry, name: str) -> Entry | None:
    if folder.mode != TREE:
        return None
    tree = load(folder.oid)
    return None if tree is None else next((entry for found, entry in entries_of(tree) if found == name.encode()), None)


def _target(load: Load, link: Entry) -> str:
    content = load(link.oid)
    return "" if content is None else content.content.decode(errors="replace")


def entries_of(tree: Object) -> Sequence[tuple[bytes, Entry]]:
    """Name and entry of all that is in the tree. Raises NoTree for what is none."""
    entries, place = [], 0
    while place < len(tree.content):
        found = _ENTRY.match(tree.content, place)
        if found is None or tree.kind != "tree":
            raise NoTree("a folder of it cannot be read")
        entries.append((found[2], Entry(int(found[1], 8), found[3].hex())))
        place = found.end()
    return entries
