"""Git servers in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.domain.hierarchy import Source
from chalicelib.ports.source import Revision, SourceProblem


@dataclass
class MemorySource:
    """Git servers: by location, by ref, the commit; by commit, its files."""

    refs: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[str, dict[str, str]] = field(default_factory=dict)

    def push(self, location: str, branch: str, files: Mapping[str, str]) -> str:
        """A new commit at `branch`, which is also the default."""
        commit = hashlib.sha1(repr((location, branch, sorted(files.items()), len(self.files))).encode()).hexdigest()  # noqa: S324
        self.refs.setdefault(location, {}).update({branch: commit, "": commit, commit: commit})
        self.files[commit] = dict(files)
        return commit

    def resolve(self, source: Source, ref: str, files: Sequence[str]) -> Revision:
        if source.location not in self.refs:
            raise SourceProblem("repository_not_found", f"there is no repository at {source.location}", "check its address")
        known = self.refs[source.location]
        if (ref or source.branch) not in known:
            raise SourceProblem("ref_not_found", f"there is no {ref or source.branch!r} in {source.location}", "check its name")
        commit = known[ref or source.branch]
        return Revision(commit, "a change", {path: self.files[commit][path] for path in files if path in self.files[commit]})
