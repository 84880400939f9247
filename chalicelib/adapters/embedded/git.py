"""The one way to call git: no shell, nothing of the caller's environment, no prompt, no hook, bounded in time and output."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

TAIL = 16 * 1024
"""Bytes of git's messages that are kept: the last ones say what went wrong."""
DRAIN = 1.0
"""Seconds that git's last messages may take to arrive: something that left its group may hold the pipe open for ever."""
MAX_FILE = 1024 * 1024 * 1024
"""Bytes of the largest file that git may write: a server that sends without end does not fill the disk."""

_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.symlinks": "false",
    "core.fsmonitor": "false",
    "core.askPass": "/bin/false",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "8",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "protocol.git.allow": "always",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    "protocol.ssh.allow": "always",
    "transfer.fsckObjects": "true",
}


class GitFailed(Exception):
    """git ended with an error: `text` is the end of what it said."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"git ended with {status}: {text}")
        self.status = status
        self.text = text


class GitTimedOut(Exception):
    """git was killed because its time was up."""


@dataclass(frozen=True, slots=True)
class Git:
    """Calls git with an empty folder below `home` as its home. `local_files`: repositories may be paths of this machine.

    `own_group`: git and its helpers make a process group, and end together when their time is up; without it they belong to
    the caller's group and end with that.
    """

    home: Path
    local_files: bool
    own_group: bool = True
    max_file: int = MAX_FILE
    program: str = "git"
    _settings: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        settings = {**_SETTINGS, "protocol.file.allow": "always" if self.local_files else "never"}
        object.__setattr__(self, "_settings", tuple(part for name, value in settings.items() for part in ("-c", f"{name}={value}")))

    def prepare(self) -> None:
        """Makes the folder and the configuration that git sees as the user's own."""
        (self.home / "nobody").mkdir(parents=True, exist_ok=True)
        config = self.home / "config"
        # upload-pack of a local repository sees this file alone: who owns that repository does not matter, reading it is allowed.
        wanted = "[safe]\n\tdirectory = *\n" if self.local_files else ""
        if not config.exists() or config.read_text() != wanted:
            temporary = config.with_name(f"config.{os.getpid()}.{threading.get_ident()}")
            temporary.write_text(wanted)
            temporary.replace(config)

    def run(self, *arguments: str, seconds: float, limit: int, stdin: bytes = b"", directory: Path | None = None) -> bytes:
        """What git writes, cut off after `limit` bytes. Raises GitFailed or GitTimedOut. `stdin` is at most a pipe's 64 KiB."""
        with self.opened(arguments, seconds=seconds, stdin=stdin, directory=directory) as output:
            return output.read(limit)

    @contextmanager
    def opened(
        self, arguments: Sequence[str], *, seconds: float, stdin: bytes | IO[bytes] = b"", directory: Path | None = None
    ) -> Iterator[IO[bytes]]:
        """git's output as a stream; whoever leaves before its end ends git. Raises GitFailed or GitTimedOut on the way out, also
        where the reader found the output too short (EOFError)."""
        process = subprocess.Popen(
            [self.program, *self._settings, *(["--git-dir", str(directory)] if directory else []), *arguments],
            stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(),
            cwd=self.home / "nobody",
            start_new_session=self.own_group,
        )
        if sys.platform == "linux":
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (self.max_file, self.max_file))
        guard = _Guard(process, seconds, own_group=self.own_group)
        try:
            if isinstance(stdin, bytes) and process.stdin:
                _feed(process.stdin, stdin)
            assert process.stdout is not None
            yield process.stdout
            cut_off = bool(process.stdout.read(1))
        except EOFError:
            guard.finish(cut_off=False)  # why the output was too short is what git said
            raise
        except BaseException:
            guard.end()
            raise
        guard.finish(cut_off=cut_off)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.home / "nobody"),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.home / "config"),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_SSH_COMMAND": "ssh -F /dev/null -o BatchMode=yes -o ConnectTimeout=8",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }


class _Guard:
    """Holds one git process to its time, and keeps the end of what it says."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float, *, own_group: bool) -> None:
        self._process = process
        self._own_group = own_group
        self._tail = b""
        self._timed_out = False
        self._drain = threading.Thread(target=self._keep_tail, daemon=True)
        self._drain.start()
        self._timer = threading.Timer(max(seconds, 0), self._time_is_up)
        self._timer.daemon = True
        self._timer.start()

    def finish(self, *, cut_off: bool) -> None:
        """Waits for the end, or makes one where the reader had enough. Raises GitFailed or GitTimedOut."""
        if cut_off:
            self.end()
            return
        status = self._process.wait()
        self._close()
        if self._timed_out:
            raise GitTimedOut
        if status:
            raise GitFailed(status, self._tail.decode(errors="replace").strip())

    def end(self) -> None:
        self._kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        self._timer.cancel()
        self._timer.join()
        self._drain.join(DRAIN)
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def _time_is_up(self) -> None:
        self._timed_out = True
        self._kill()

    def _kill(self) -> None:
        """Ends git, and its helpers with it where they are a group."""
        if not self._own_group:
            self._process.kill()
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _keep_tail(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:  # closed here: a stream that is being read cannot be closed by others
            while chunk := stream.read1(TAIL):  # type: ignore[attr-defined]
                self._tail = (self._tail + chunk)[-TAIL:]


def _feed(stream: IO[bytes], data: bytes) -> None:
    """Writes what fits into the pipe at once; a git that has ended already says why by its status."""
    try:
        stream.write(data)
        stream.close()
    except BrokenPipeError:
        return
