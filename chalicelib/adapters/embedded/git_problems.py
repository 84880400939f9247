"""What git says when it fails (in English: its locale is C), and what that means for a user."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import NoReturn

from chalicelib.adapters.embedded.disk import raise_if_storage
from chalicelib.adapters.embedded.git import GitFailed
from chalicelib.domain.errors import Unavailable

_DISK = {"No space left on device": errno.ENOSPC, "Disk quota exceeded": errno.EDQUOT, "Read-only file system": errno.EROFS}

_NEEDS_CREDENTIALS = re.compile(
    r"could not read (Username|Password)|Authentication failed|Permission denied \(|Host key verification failed"
    r"|returned error: 40[13]|HTTP 40[13]|terminal prompts disabled"
)
_UNSAFE = re.compile(r"transport '.*' not allowed|fsck error|error in object|unable to process object|disallowed by|unsafe repository")
_TOO_LARGE = re.compile(r"died of signal 25|File too large|File size limit")
_REF_NOT_FOUND = re.compile(r"not our ref|couldn't find remote ref|unadvertised object|no such remote ref|could not find commit")
_NOT_FOUND = re.compile(
    r"does not appear to be a git repository|[Rr]epository .*not found|not found: |does not exist|returned error: 4(04|10)"
    r"|not a git repository|bundle file|invalid gitfile format|No such file or directory|not valid: is this a git repository"
)


class RepositoryProblem(Exception):
    """The user's side is wrong: what `SourceProblem` of the source port says, for those who may not wait for its imports."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def raise_for(failed: GitFailed, location: str, place: Path) -> NoReturn:
    """Raises RepositoryProblem or Unavailable, whichever git's words mean; `place` is where git writes."""
    text = failed.text
    for words, number in _DISK.items():
        if words in text:
            raise_if_storage(number, place, failed)
    if _TOO_LARGE.search(text):
        hint = "keep large data outside of the repository"
        raise RepositoryProblem("repository_unsafe", f"{location} sends more than is taken", hint) from failed
    if _UNSAFE.search(text):
        raise RepositoryProblem("repository_unsafe", f"{location} was refused: {_last(text)}", "correct the repository") from failed
    if _NEEDS_CREDENTIALS.search(text):
        hint = "make it public, or give an address that can be read without a password; a wrong name looks the same"
        raise RepositoryProblem("repository_needs_credentials", f"{location} asks for credentials", hint) from failed
    if _REF_NOT_FOUND.search(text):
        raise RepositoryProblem("ref_not_found", f"{location} does not have that commit", "push it, or name another one") from failed
    if _NOT_FOUND.search(text):
        raise RepositoryProblem("repository_not_found", f"there is no repository at {location}", "correct its address") from failed
    hint = "look whether it can be reached from here; the same call may succeed later"
    raise Unavailable(f"{location} could not be read: {_last(text)}", code="source_unavailable", hint=hint) from failed


def _last(text: str) -> str:
    """The line that says most: the last one of git's own that is an error, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    return ([*lines[-1:], *own[-1:]] or ["git said nothing"])[-1][:300]
