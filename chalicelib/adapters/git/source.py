"""The source port over plain git servers.

A server that can leave things out is asked for the commit, then its tree, then each file: three small answers, whatever the size of the
repository. One that cannot sends the commit with all its files, up to a limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from chalicelib.adapters.git.checkouts import Checkout
from chalicelib.adapters.git.commits import commit_of
from chalicelib.adapters.git.connections import Deadline, Reach
from chalicelib.adapters.git.credentials import Logins
from chalicelib.adapters.git.http import HttpClient
from chalicelib.adapters.git.problems import translated
from chalicelib.adapters.git.sessions import Session
from chalicelib.domain.errors import Invalid
from chalicelib.domain.hierarchy import Source
from chalicelib.domain.sources import check_location, check_ref, normalized_location
from chalicelib.ports.source import Revision, SourceProblem

SECONDS = 10.0


class GitSource:
    """`logins` open private repositories, each only on the server that it is for."""

    def __init__(self, reach: Reach | None = None, logins: Logins | None = None, *, seconds: float = SECONDS) -> None:
        self._reach = reach or Reach()
        self._logins = logins or {}
        self._seconds = seconds

    def resolve(self, source: Source, ref: str, files: Sequence[str]) -> Revision:
        location, wanted = source.location, ref or source.branch
        _check(location, wanted)
        with translated(location), self._client() as client:
            session = Session.open(client, location)
            if session.object_format != "sha1":
                said = f"{location} names its objects by {session.object_format[:20]}, which is not supported"
                raise SourceProblem("repository_unsafe", said, "use a repository with SHA-1 names, as git makes them")
            commit = commit_of(session, location, wanted)
            checkout = Checkout(session, commit)
            return Revision(commit, checkout.message, checkout.files(files))

    @contextmanager
    def _client(self) -> Iterator[HttpClient]:
        deadline = Deadline(self._seconds)
        client = HttpClient(self._reach, self._logins, deadline)
        try:
            yield client
        finally:
            client.close()
            deadline.close()


def _check(location: str, ref: str) -> None:
    """The API has checked both already; here they become requests, so they are checked once more."""
    try:
        check_location(location, local_files=False)
    except Invalid as invalid:
        raise SourceProblem("repository_unsafe", invalid.message, invalid.hint) from invalid
    try:
        if ref:
            check_ref(ref)
    except Invalid as invalid:
        raise SourceProblem("ref_not_found", invalid.message, invalid.hint) from invalid
    if urlsplit(location).scheme not in {"http", "https"}:
        said = f"{location} is not read over ssh or git's own protocol here"
        raise SourceProblem("repository_unsafe", said, f"give its https address: https://{normalized_location(location)}.git")
