"""Git repositories read with git itself: the embedded source host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chalicelib.adapters.embedded.disk import refuse_on_lambda
from chalicelib.adapters.embedded.git_problems import RepositoryProblem
from chalicelib.adapters.embedded.objects import CommitFiles
from chalicelib.adapters.embedded.repositories import Deadline, Repositories
from chalicelib.domain.hierarchy import Source
from chalicelib.ports.source import Revision, SourceProblem

SECONDS = 10.0


class EmbeddedSource:
    """Reads git sources through a cache below `home`; `local_repositories` says whether paths of this machine are taken."""

    def __init__(self, home: Path, *, local_repositories: bool, seconds: float = SECONDS) -> None:
        refuse_on_lambda("source host")
        self._repositories = Repositories(home, local_files=local_repositories)
        self._seconds = seconds

    def resolve(self, source: Source, ref: str, files: Sequence[str]) -> Revision:
        deadline = Deadline.within(self._seconds)
        try:
            commit = self._repositories.commit_of(source.location, ref or source.branch, deadline)
            found: CommitFiles = self._repositories.files(source.location, commit, files, deadline)
        except RepositoryProblem as problem:
            raise SourceProblem(problem.code, problem.message, problem.hint) from problem
        return Revision(commit, found.message, found.files)
