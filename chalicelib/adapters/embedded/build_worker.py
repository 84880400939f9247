"""The process that makes one image: `python -m chalicelib.adapters.embedded.build_worker FOLDER LOCK`.

It leads a session of its own and so outlives whoever started it; git stays in its process group, so that one signal ends all.
It imports little, since people wait for it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from chalicelib.adapters.embedded.build_folder import BuildFolder, Order, Result
from chalicelib.adapters.embedded.checkout import check_out
from chalicelib.adapters.embedded.disk import raise_if_storage
from chalicelib.adapters.embedded.git import GitTimedOut
from chalicelib.adapters.embedded.git_problems import RepositoryProblem
from chalicelib.adapters.embedded.images import Images
from chalicelib.adapters.embedded.objects import MAX_FILE, TreeEntry
from chalicelib.adapters.embedded.process_types import processes_of, recorded_steps
from chalicelib.adapters.embedded.repositories import Deadline, Repositories
from chalicelib.domain.errors import Invalid, Unavailable

SECONDS = 300.0


def main(arguments: Sequence[str]) -> int:
    folder, lock = BuildFolder(Path(arguments[0])), int(arguments[1])
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    with folder.log.open("a", encoding="utf-8", buffering=1) as log:
        try:
            folder.end(Worker(folder.order(), log).build())
        except Unavailable as trouble:
            log.write(f"{trouble.message}: trying again\n")
            folder.give_up(trouble.code, trouble.message, trouble.hint)
            os.killpg(0, signal.SIGKILL)  # a helper of git may still wait for a server
    return 0


class Worker:
    """Carries out one order, and tells `log` what a person wants to know."""

    def __init__(self, order: Order, log: IO[str]) -> None:
        self._order = order
        self._log = log
        self._images = Images(Path(order.home))
        self._began = time.monotonic()
        self._deadline = Deadline.within(SECONDS)

    def build(self) -> Result:
        """The image's digest and processes, or what the user has to correct. Raises Unavailable to be started again."""
        try:
            return self._built()
        except (RepositoryProblem, Invalid) as problem:
            self._say(f"failed: {problem.message}", f"hint: {problem.hint}")
            return Result(code=problem.code, message=problem.message, hint=problem.hint)
        except GitTimedOut as late:
            hint = "make the repository smaller, or its server faster"
            raise Unavailable(f"{self._order.location} took longer than {SECONDS:.0f} s", code="source_timed_out", hint=hint) from late
        except OSError as error:
            raise_if_storage(error.errno or 0, Path(self._order.home), error)
            raise
        finally:
            self._images.discard(self._order.id)

    def _built(self) -> Result:
        order = self._order
        if order.strategy != "dockerfile":
            hint = "set the build strategy to 'dockerfile'; buildpacks need a profile with BuildKit"
            raise Invalid(f"the strategy {order.strategy!r} is not possible on one machine", code="strategy_unsupported", hint=hint)
        tree = self._images.staging(order.id) / "tree"
        tree.mkdir()
        self._fetch(tree)
        processes = self._processes(tree)
        digest = self._images.put(tree, order.repository, order.number)
        self._say(f"Image {digest}", f"Built v{order.number} in {time.monotonic() - self._began:.2f} s")
        return Result(digest=digest, processes=processes)

    def _fetch(self, tree: Path) -> None:
        order = self._order
        repositories = Repositories(Path(order.home), local_files=order.local_files, own_group=False)
        self._say(f"Cloning {order.location} at {order.commit[:12]}")
        message = repositories.files(order.location, order.commit, (), self._deadline).message
        cache = repositories.fetched(order.location, order.commit, self._deadline)
        entries = check_out(repositories.git, cache, order.commit, tree, seconds=self._deadline.left)
        self._say(f"  {message.splitlines()[0] if message else '(no message)'}", f"  {_amount(entries)}")

    def _processes(self, tree: Path) -> Mapping[str, str]:
        order = self._order
        dockerfile = _text_of(tree, order.dockerfile, "dockerfile_missing")
        procfile = _text_of(tree, order.procfile, "procfile_missing")
        if dockerfile:
            self._say(f"Recorded {order.dockerfile}{recorded_steps(dockerfile)}")
        processes = processes_of(procfile, dockerfile)
        self._say("Processes", *(f"  {name}: {command}" for name, command in processes.items()))
        return processes

    def _say(self, *lines: str) -> None:
        for line in lines:
            self._log.write("".join(character if character.isprintable() else " " for character in line) + "\n")


def _text_of(tree: Path, name: str, code: str) -> str:
    """The text of the file `name` in the tree, whose links all stay within; empty when no name is given."""
    if not name:
        return ""
    place = tree / name
    if ".." in Path(name).parts or Path(name).is_absolute() or not place.is_file():
        raise Invalid(f"the repository has no file {name!r}", code=code, hint=f"add {name}, or deploy a commit that has it")
    if place.stat().st_size > MAX_FILE:
        raise Invalid(f"{name} has more than {MAX_FILE:,} bytes", code="file_invalid", hint="shorten it")
    try:
        return place.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{name} is not UTF-8 text", code="file_invalid", hint="save it as UTF-8") from error


def _amount(entries: Sequence[TreeEntry]) -> str:
    files = "1 file" if len(entries) == 1 else f"{len(entries):,} files"
    return f"{files}, {sum(entry.size for entry in entries) / 1024:,.1f} KB"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
