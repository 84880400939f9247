"""One commit of a repository on a server, of which only what is looked at is fetched, if the server can leave out the rest."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.adapters.git.http import TooMuch
from chalicelib.adapters.git.packs import Limits, Object, Objects, PackTooLarge
from chalicelib.adapters.git.sessions import NO_BLOBS_NO_TREES, Fetch, Refused, Session
from chalicelib.adapters.git.trees import find_file, message_of, tree_of
from chalicelib.ports.source import SourceProblem

MAX_FILE = 256 * 1024
MAX_TREE = 8 * 1024 * 1024
"""Bytes of one folder's list, which is some 200,000 names."""
_MEBIBYTE = 1024 * 1024
PIECE = Limits(object=MAX_TREE, kept=2 * MAX_TREE, inflated=16 * _MEBIBYTE)
PIECE_SENT = 10 * _MEBIBYTE
FILE = Limits(object=MAX_FILE, kept=MAX_FILE, inflated=_MEBIBYTE)
FILE_SENT = _MEBIBYTE
WHOLE = Limits(object=MAX_FILE, kept=192 * _MEBIBYTE, inflated=1024 * _MEBIBYTE)
WHOLE_SENT = 64 * _MEBIBYTE


class Checkout:
    """Raises what the session raises, NoTree for a commit that is none, and SourceProblem (file_invalid)."""

    def __init__(self, session: Session, commit: str) -> None:
        self._session = session
        self._commit = commit
        self._in_pieces = session.protocol == 2 and session.filters
        self._objects = self._fetched()

    @property
    def message(self) -> str:
        return message_of(self._root())

    def files(self, paths: Sequence[str]) -> dict[str, str]:
        """The text of those that are there."""
        tree = tree_of(self._root())
        entries = {path: find_file(self._load, tree, path) for path in paths}
        return {path: self._text(path, entry.oid) for path, entry in entries.items() if entry is not None}

    def _root(self) -> Object:
        found = self._objects.get(self._commit)
        if found is None:
            raise Refused("the commit was not found in what the server sent")
        if found.kind != "commit":
            raise SourceProblem("ref_not_found", f"{self._commit} is not a commit", "name a branch, a tag or a commit")
        return found

    def _fetched(self) -> Objects:
        if self._in_pieces:
            try:
                return self._session.fetch(Fetch([self._commit], 1, NO_BLOBS_NO_TREES), PIECE, limit=PIECE_SENT)
            except Refused as refused:
                if "filter" not in str(refused):
                    raise
                self._in_pieces = False
        below = f"blob:limit={MAX_FILE + 1}" if self._session.filters and self._session.protocol == 0 else ""
        return self._session.fetch(Fetch([self._commit], 1, below), WHOLE, limit=WHOLE_SENT)

    def _load(self, oid: str) -> Object | None:
        """A folder or a link."""
        if oid not in self._objects and self._in_pieces:
            self._objects |= self._session.fetch(Fetch([oid], filter=NO_BLOBS_NO_TREES), PIECE, limit=PIECE_SENT)
        return self._objects.get(oid)

    def _text(self, path: str, oid: str) -> str:
        found = self._objects.get(oid) or self._file(oid)
        if found is None or len(found.content) > MAX_FILE:
            raise _invalid(path, f"has more than {MAX_FILE:,} bytes", "shorten it")
        try:
            text = found.content.decode()
        except UnicodeDecodeError as error:
            raise _invalid(path, "is not UTF-8 text", "save it as UTF-8") from error
        if "\0" in text:
            raise _invalid(path, "is not text", "save it as UTF-8")
        return text

    def _file(self, oid: str) -> Object | None:
        """None for one that is too large, and so was not sent, or not kept."""
        if not self._in_pieces:
            return None
        try:
            return self._session.fetch(Fetch([oid], filter=NO_BLOBS_NO_TREES), FILE, limit=FILE_SENT).get(oid)
        except (TooMuch, PackTooLarge):
            return None


def _invalid(path: str, problem: str, hint: str) -> SourceProblem:
    return SourceProblem("file_invalid", f"{path} {problem}", hint)
