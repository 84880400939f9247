"""What it means for people that a git server was not read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.adapters.git.connections import NoAnswer, NotAllowed, TimeIsUp
from chalicelib.adapters.git.http import TooMuch
from chalicelib.adapters.git.packs import BadPack, PackTooLarge
from chalicelib.adapters.git.pktline import BadFrame
from chalicelib.adapters.git.sessions import BadStatus, NotGit, Refused
from chalicelib.adapters.git.trees import NoTree
from chalicelib.domain.errors import Unavailable
from chalicelib.ports.source import SourceProblem

_LATER = "look whether it can be reached from here; the same call may succeed later"
_NO_SUCH_COMMIT = re.compile(r"not our ref|unadvertised object|not found|could not parse|bad object|no such|missing", re.IGNORECASE)
_NO_REPOSITORY = re.compile(r"not exported|repository .*(not found|does not exist)|access denied", re.IGNORECASE)


@contextmanager
def translated(location: str) -> Iterator[None]:
    """Raises SourceProblem or Unavailable for all that this room raises."""
    try:
        yield
    except NotAllowed as problem:
        hint = "give the address of a server that everybody reaches; an operator can name private networks in ANCLA_GIT_NETWORKS"
        raise SourceProblem("repository_unsafe", f"{location} is not read: {problem}", hint) from problem
    except NotGit as problem:
        raise _no_repository(location) from problem
    except BadStatus as problem:
        raise _of_status(location, problem.status) from problem
    except Refused as problem:
        raise _of_words(location, str(problem)) from problem
    except (BadFrame, BadPack, NoTree) as problem:
        said = f"{location} sends what cannot be read: {problem}"
        raise SourceProblem("repository_unsafe", said, "correct the repository, or the server's answer") from problem
    except (TooMuch, PackTooLarge) as problem:
        raise too_large(location) from problem
    except NoAnswer as problem:
        raise Unavailable(f"{location} could not be read: {problem}", code="source_unavailable", hint=_LATER) from problem
    except TimeIsUp as problem:
        raise Unavailable(f"{location} did not answer in time", code="source_timed_out", hint=_LATER) from problem


def no_commit(location: str, ref: str) -> SourceProblem:
    return SourceProblem("ref_not_found", f"{location} has no branch, tag or commit {ref!r}", "push it, or name another one")


def too_large(location: str) -> SourceProblem:
    return SourceProblem("repository_unsafe", f"{location} sends more than is taken", "keep large data outside of the repository")


def _no_repository(location: str) -> SourceProblem:
    return SourceProblem("repository_not_found", f"there is no repository at {location}", "correct its address")


def _of_status(location: str, status: int) -> SourceProblem | Unavailable:
    if status in {401, 403}:
        hint = "make it public, or let an operator add a login for its server to ANCLA_GIT_CREDENTIALS; a wrong name looks the same"
        return SourceProblem("repository_needs_credentials", f"{location} asks for credentials", hint)
    if status in {404, 410}:
        return _no_repository(location)
    return Unavailable(f"{location} could not be read: its server answers with {status}", code="source_unavailable", hint=_LATER)


def _of_words(location: str, words: str) -> SourceProblem | Unavailable:
    shown = "".join(character if character.isprintable() else " " for character in words)[:300]
    if _NO_REPOSITORY.search(words):
        return _no_repository(location)
    if _NO_SUCH_COMMIT.search(words):
        return SourceProblem("ref_not_found", f"{location} does not have that commit ({shown})", "push it, or name another one")
    return Unavailable(f"{location} could not be read: {shown}", code="source_unavailable", hint=_LATER)
