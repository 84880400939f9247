"""A cache of other people's git repositories: the commits that were asked for, each complete or not there.

$HOME/git/<hash of location>.git      bare, shallow; refs/ancla/<commit> says that all of that commit is here
$HOME/git/<hash of location>.commits  commits and no files: where an abbreviated commit is looked up
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chalicelib.adapters.embedded.disk import locked, remove_tree, storage
from chalicelib.adapters.embedded.git import Git, GitFailed, GitTimedOut
from chalicelib.adapters.embedded.git_problems import RepositoryProblem, raise_for
from chalicelib.adapters.embedded.local_paths import address_for_git
from chalicelib.adapters.embedded.objects import CommitFiles, read_files
from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.sources import check_location, check_ref

MAX_LISTING = 4 * 1024 * 1024
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ABBREVIATED = re.compile(r"[0-9a-f]{4,39}")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock, and how many seconds are left until then."""

    at: float

    @classmethod
    def within(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        return max(self.at - time.monotonic(), 0.0)


class Repositories:
    """Resolves and fetches, below `home`/git. Raises RepositoryProblem for what users can mend, and Unavailable."""

    def __init__(self, home: Path, *, local_files: bool, own_group: bool = True) -> None:
        self._home = home
        self._folder = home / "git"
        self.git = Git(self._folder, local_files, own_group)

    def commit_of(self, location: str, ref: str, deadline: Deadline) -> str:
        """The full hash of the commit that `ref` means now: a branch, a tag or a commit; empty for the default branch."""
        self._check(location, ref)
        if _COMMIT.fullmatch(ref):
            return ref
        names = [f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", ref] if ref else ["HEAD"]
        found = self._listed(location, names, deadline)
        commit = next((found[name] for name in names if name in found), "")
        if not commit and _ABBREVIATED.fullmatch(ref):
            commit = self._completed(location, ref, deadline)
        if commit:
            return commit
        if ref:
            raise RepositoryProblem("ref_not_found", f"{location} has no branch, tag or commit {ref!r}", "push it, or name another one")
        hint = "push a commit, or name the branch to deploy: what HEAD points to there does not exist"
        raise RepositoryProblem("ref_not_found", f"the default branch of {location} has no commit", hint)

    def fetched(self, location: str, commit: str, deadline: Deadline) -> Path:
        """The bare repository that holds all of `commit`, fetched unless it is there already."""
        self._check(location, commit)
        cache = self._cache(location, ".git")
        mark = f"refs/ancla/{commit}"
        if not (cache / mark).exists():
            with self._held(cache, deadline):
                if not (cache / mark).exists():
                    fetch = ["--depth=1", "--no-tags", "--", address_for_git(location, self._home), f"{commit}:{mark}"]
                    self._mended(cache, location, deadline, lambda: self._fetch(cache, fetch, deadline))
        self._note_use(cache)
        return cache

    def files(self, location: str, commit: str, paths: Sequence[str], deadline: Deadline) -> CommitFiles:
        """The commit's message, and the text of those files at `paths` that are there."""
        cache = self.fetched(location, commit, deadline)
        with self._translated(location):
            return read_files(self.git, cache, commit, paths, seconds=deadline.left)

    def _listed(self, location: str, names: Sequence[str], deadline: Deadline) -> dict[str, str]:
        address = address_for_git(location, self._home)
        with self._translated(location):
            self.git.prepare()
            output = self.git.run("ls-remote", "--quiet", "--", address, *names, seconds=deadline.left, limit=MAX_LISTING)
        lines = [line.partition("\t") for line in output.decode(errors="replace").splitlines()]
        if any(_SHA256.fullmatch(commit) for commit, _, _ in lines):
            hint = "convert it: git init --object-format=sha1, and import its history there"
            raise RepositoryProblem("repository_unsafe", f"{location} names its objects by SHA-256, which is not supported", hint)
        return {name: commit for commit, _, name in lines if _COMMIT.fullmatch(commit)}

    def _completed(self, location: str, abbreviated: str, deadline: Deadline) -> str:
        """The one commit of any branch or tag that begins so; empty when there is none. History comes without files, if the
        server knows how to leave them out."""
        cache = self._cache(location, ".commits")
        address = address_for_git(location, self._home)
        everything = ["--filter=tree:0", "--no-tags", "--", address, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
        with self._held(cache, deadline):
            self._mended(cache, location, deadline, lambda: self._fetch(cache, everything, deadline))
            self._note_use(cache)
            return self._abbreviated(cache, location, abbreviated, deadline)

    def _abbreviated(self, cache: Path, location: str, abbreviated: str, deadline: Deadline) -> str:
        command = ("rev-parse", "--verify", "--end-of-options", f"{abbreviated}^{{commit}}")
        try:
            return self.git.run(*command, seconds=deadline.left, limit=100, directory=cache).decode().strip()
        except GitFailed as failed:
            if "ambiguous" not in failed.text:
                return ""
            message = f"more than one commit of {location} begins with {abbreviated}"
            raise RepositoryProblem("ref_not_found", message, "give more of its hash") from failed

    def _fetch(self, cache: Path, what: Sequence[str], deadline: Deadline) -> None:
        self.git.prepare()
        if not (cache / "HEAD").exists():
            _make_bare(cache)
        options = ["--quiet", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance", "--no-show-forced-updates"]
        self.git.run("fetch", *options, *what, seconds=deadline.left, limit=MAX_LISTING, directory=cache)

    def _mended(self, cache: Path, location: str, deadline: Deadline, fetch: Callable[[], None]) -> None:
        """Fetches. What a killed git left behind (a lock, half a pack) can stand in the way, so a cache that fails is made anew."""
        fresh = not cache.exists()
        try:
            with self._translated(location):
                fetch()
        except Unavailable as trouble:
            if fresh or not deadline.left or trouble.code != "source_unavailable":
                raise
            remove_tree(cache)
            with self._translated(location):
                fetch()

    def _cache(self, location: str, suffix: str) -> Path:
        return self._folder / f"{hashlib.sha256(location.encode()).hexdigest()[:40]}{suffix}"

    def _check(self, location: str, ref: str) -> None:
        """The API has checked both already; here they are handed to git, so they are checked once more."""
        try:
            check_location(location, local_files=self.git.local_files)
        except Invalid as invalid:
            raise RepositoryProblem("repository_unsafe", invalid.message, invalid.hint) from invalid
        try:
            if ref:
                check_ref(ref)
        except Invalid as invalid:
            raise RepositoryProblem("ref_not_found", invalid.message, invalid.hint) from invalid

    def _note_use(self, cache: Path) -> None:
        """A cache that is used is no leftover."""
        with storage(self._folder):
            os.utime(cache)

    @contextmanager
    def _held(self, cache: Path, deadline: Deadline) -> Iterator[None]:
        with storage(self._folder), locked(cache.with_suffix(".lock"), seconds=deadline.left):
            yield

    @contextmanager
    def _translated(self, location: str) -> Iterator[None]:
        """Turns what git says into what users can do about it."""
        try:
            with storage(self._folder):
                yield
        except GitFailed as failed:
            raise_for(failed, location, self._folder)
        except GitTimedOut as late:
            hint = "look whether it can be reached from here; the same call may succeed later"
            raise Unavailable(f"{location} did not answer in time", code="source_timed_out", hint=hint) from late


def _make_bare(cache: Path) -> None:
    """An empty bare repository, as `git init --bare` makes it, without templates and without a process of its own."""
    for folder in ("objects", "refs"):
        (cache / folder).mkdir(parents=True, exist_ok=True)
    (cache / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
    (cache / "HEAD").write_text("ref: refs/heads/main\n")
