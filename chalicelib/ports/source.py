"""Where users' code lies: git servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.domain.hierarchy import Source


@dataclass(frozen=True, slots=True)
class Revision:
    """One commit, with the text of those files that were asked for and are there (path to text)."""

    commit: str
    message: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


class SourceProblem(Exception):
    """The user's side is wrong: `code` is repository_not_found, repository_needs_credentials, repository_unsafe, ref_not_found
    or file_invalid; `message` and `hint` are for people."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class SourceHost(Protocol):
    def resolve(self, source: Source, ref: str, files: Sequence[str]) -> Revision:
        """The commit that `ref` (branch, tag or commit; empty: the source's branch, else the repository's default) means now.
        Raises SourceProblem, or Unavailable when the server does not answer within 10 s."""
