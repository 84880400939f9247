"""Files that are whole or not there, whatever dies while they are written; and what a full or read-only disk means."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chalicelib.domain.errors import AnclaError, Unavailable

_TROUBLE = {
    errno.ENOSPC: ("storage_full", "is full", "free some space; what was under way goes on by itself"),
    errno.EDQUOT: ("storage_full", "is full", "free some space; what was under way goes on by itself"),
    errno.EFBIG: ("storage_full", "takes no larger file", "raise the limit on file sizes; what was under way goes on by itself"),
    errno.EROFS: ("storage_read_only", "is read-only", "make ANCLA_HOME writable; what was under way goes on by itself"),
    errno.EACCES: ("storage_read_only", "cannot be written", "let the user that runs Ancla read and write it, and make files beside it"),
}
_POLL = 0.01
OWNER_ONLY = 0o077
"""The umask of all processes of Ancla's own: what they make is for their user's eyes only, whoever made the home."""


@contextmanager
def storage(place: Path) -> Iterator[None]:
    """Turns the operating system's word for a full or read-only disk into Unavailable, naming `place`."""
    try:
        yield
    except OSError as error:
        raise_if_storage(error.errno or 0, place, error)
        raise


def raise_if_storage(number: int, place: Path, cause: Exception) -> None:
    """Raises Unavailable where the error `number` speaks of the disk itself."""
    if number in _TROUBLE:
        code, what, hint = _TROUBLE[number]
        raise Unavailable(f"the disk that holds {place} {what}", code=code, hint=hint) from cause


def ensure_home(home: Path) -> None:
    """Makes the folder with all state, for its owner's eyes only, unless it is there. Raises Unavailable, naming it."""
    try:
        with storage(home):
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise Unavailable(
            f"{home} cannot be made: a file is in its place", code="home_invalid", hint="set ANCLA_HOME to a folder"
        ) from error


def write_whole(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Puts `data` at `path`: a reader sees what was there before, or all of it."""
    temporary = _beside(path, data, mode)
    os.replace(temporary, path)


def write_once(path: Path, data: bytes, *, mode: int = 0o600) -> bool:
    """Puts `data` at `path` unless something is there already; whether it did. Of two who write at once, one does."""
    temporary = _beside(path, data, mode)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    return True


@contextmanager
def locked(path: Path, *, seconds: float) -> Iterator[None]:
    """Holds the lock file `path`, among threads and processes; the system frees it when its holder dies. Raises Unavailable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + seconds
        while not take_lock(handle):
            if time.monotonic() > end:
                raise Unavailable(f"{path.name} is in use for long", code="busy", hint="try again in a moment")
            time.sleep(_POLL)
        yield
    finally:
        os.close(handle)


def take_lock(handle: int, *, shared: bool = False) -> bool:
    """Takes the lock of an open file, if nobody holds it (or, for a shared one, all who do share it)."""
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remove_tree(path: Path) -> None:
    """Removes a folder and all in it, read-only folders too. It is moved away first, so nobody sees half of it."""
    if not path.exists():
        return
    away = Path(tempfile.mkdtemp(prefix=".gone-", dir=path.parent))
    path.chmod(stat.S_IRWXU)  # a folder that is moved elsewhere has to be writable itself
    path.rename(away / "it")
    for folder, _, _ in os.walk(away):
        os.chmod(folder, stat.S_IRWXU)
    shutil.rmtree(away)


def refuse_on_lambda(what: str) -> None:
    """Raises where Ancla runs as a Lambda function: the embedded adapters keep their state on this machine's disk."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        raise AnclaError(f"the embedded {what} does not run on Lambda", code="embedded_on_lambda", hint="set ANCLA_PROFILE=aws")


def _beside(path: Path, data: bytes, mode: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
    except BaseException:
        os.unlink(name)
        raise
    return name
