"""A user's process behind its launcher: started, found again after the node's death, signalled, and waited for."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from chalicelib.adapters.embedded.node import launcher

_LAUNCHER = launcher.__file__
_RECORD_WITHIN = 2.0
"""Seconds in which a living launcher has recorded its process."""


class Process:
    """`exited` gets the exit code (128 + signal for a signal), or None when nobody saw how it ended."""

    def __init__(self, folder: Path, run: int, launcher_pid: int) -> None:
        self.exited: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._folder, self._run, self._launcher = folder, run, launcher_pid
        try:
            self._handle = os.pidfd_open(launcher_pid)
        except ProcessLookupError:
            self._handle = -1
            self._ended()
        else:
            # Works for a launcher that an earlier node started, too, where SIGCHLD and wait do not.
            asyncio.get_running_loop().add_reader(self._handle, self._ended)

    @property
    def session(self) -> int:
        """The id of the process, which leads its session and group; 0 until its launcher recorded it."""
        record = _record(self._folder, self._run)
        return record[1] if record else 0

    def send(self, number: signal.Signals) -> bool:
        """Signals the process and its group; False when it is not recorded yet or ended already."""
        record = _record(self._folder, self._run)
        return record is not None and _signal_group(record[1], record[2], number)

    async def end(self, number: signal.Signals) -> None:
        """Signals as soon as the process can be signalled."""
        deadline = time.monotonic() + _RECORD_WITHIN
        while not self.send(number) and not self.exited.done() and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

    def leave(self) -> None:
        """Stops watching it and lets it run on."""
        if self._handle >= 0:
            asyncio.get_running_loop().remove_reader(self._handle)
            os.close(self._handle)
            self._handle = -1

    def _ended(self) -> None:
        self.leave()
        try:
            os.waitpid(self._launcher, os.WNOHANG)
        except ChildProcessError:
            pass  # an earlier node started it
        code = exit_code(self._folder, self._run)
        if code is None:
            end_leftover(self._folder)
        if not self.exited.done():
            self.exited.set_result(code)


def spawn(folder: Path, run: int, *, work: Path, command: Sequence[str], environment: Mapping[str, str]) -> Process:
    """Starts the command behind a launcher in a session of its own; its output goes to the folder's log. Raises OSError."""
    lock = _locked(folder)
    if lock is None:
        raise BlockingIOError(f"the process before is still running in {folder.name}")
    try:
        end_leftover(folder)
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", _LAUNCHER, str(folder), str(run), str(work), *command],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(folder / "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                (os.POSIX_SPAWN_DUP2, lock, launcher.LOCK),
            ],
            setsid=True,
        )
    finally:
        os.close(lock)
    return Process(folder, run, pid)


def adopt(folder: Path, run: int) -> Process | None:
    """The process that an earlier node started and whose launcher still lives; None when there is none. One whose launcher was
    killed meanwhile is ended: nobody would learn how it ends by itself."""
    deadline = time.monotonic() + _RECORD_WITHIN
    while (lock := _locked(folder)) is None:
        record = _record(folder, run)
        if record:
            return Process(folder, run, record[0])
        if time.monotonic() > deadline:
            return None
        time.sleep(0.01)  # it lives but has not got as far as its record: a matter of milliseconds
    os.close(lock)
    end_leftover(folder)
    return None


def exit_code(folder: Path, run: int) -> int | None:
    """How that run ended, if its launcher saw it."""
    fields = _fields(folder / "exit")
    return fields[1] if len(fields) == 2 and fields[0] == run else None


def launcher_of(folder: Path, run: int) -> int:
    """The id of that run's launcher; 0 until it has recorded its process."""
    record = _record(folder, run)
    return record[0] if record else 0


def end_leftover(folder: Path) -> None:
    """Kills the process of a launcher that was killed itself. To be called when no launcher lives."""
    fields = _fields(folder / "process")
    if len(fields) == 4:
        _signal_group(fields[2], fields[3], signal.SIGKILL)


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the pod's lock; None while a launcher holds it. The kernel gives it up when the launcher dies, however
    that happens, so it cannot be mistaken as a process id can."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _signal_group(pid: int, started: int, number: signal.Signals) -> bool:
    if launcher.start_time(pid, zombie=True) != str(started):  # its group may outlive it
        return False
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    return True


def _record(folder: Path, run: int) -> tuple[int, int, int] | None:
    """Launcher, process and the process's start time of that run."""
    fields = _fields(folder / "process")
    return (fields[1], fields[2], fields[3]) if len(fields) == 4 and fields[0] == run else None


def _fields(path: Path) -> list[int]:
    try:
        return [int(field) for field in path.read_text().split()]
    except FileNotFoundError:
        return []
