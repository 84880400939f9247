"""The shares that are to be run, those that run, and what came of them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tests.lane.grounds import Ground
from tests.lane.shares import CHECKOUT, Share

SHARE_WITHIN = 20 * 60.0
ENDS_WITHIN = 60.0
FAILED_TESTS = 1
"""pytest's exit code when it ran all tests, and some failed."""


@dataclass(frozen=True, slots=True)
class Done:
    share: Share
    passed: bool
    summary: str
    output: Path
    whole: bool = True
    """Whether all of it was run."""
    shaky: tuple[str, ...] = ()
    """Tests that failed at first and passed at the second try."""


class Runs:
    """Shared by the threads, one for each set."""

    def __init__(self, shares: Sequence[Share], *, again: bool = False, folder: Path = CHECKOUT / "build/test-engines") -> None:
        """With `again`, tests that fail are run once more, by themselves."""
        self.folder = folder
        self._again = again
        self.count = len(shares)
        self.done: list[Done] = []
        self._left = deque(shares)
        self._stopped = threading.Event()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def next(self) -> Share | None:
        """The next share, until there is none left."""
        try:
            return None if self._stopped.is_set() else self._left.popleft()
        except IndexError:
            return None

    def run(self, share: Share, ground: Ground) -> Done:
        """Runs the share to its end."""
        done = self._try(share, ground, share.arguments(), self.folder / f"{share.name}.log")
        if not done.passed and done.whole and self._again and (failed := failed_tests(done.output.read_text(errors="replace"))):
            second = self._try(share, ground, failed, self.folder / f"{share.name}-again.log")
            if second.passed:
                done = replace(done, passed=True, summary=f"{done.summary}; then {second.summary}", shaky=failed)
        self.done.append(done)
        return done

    def _try(self, share: Share, ground: Ground, what: Sequence[str], output: Path) -> Done:
        # Below the folder for temporary files are the repositories that a story may name.
        with tempfile.TemporaryDirectory(prefix="ancla-engines-", ignore_cleanup_errors=True) as folder:
            command = [sys.executable, "-m", "pytest", "-ra", "--durations=15", f"--basetemp={folder}/{share.name}", *what]
            code = self._wait(ground.start(command, share.settings(), output))
            done = Done(share, code == 0, f"{_last_line(output)} (set {ground.number})", output, whole=code in (0, FAILED_TESTS))
            if not done.passed:
                ground.keep_logs(output.with_suffix("") / "engines")
                _keep(Path(folder), output.with_suffix("") / "ancla")
        return done

    def stop(self) -> None:
        """Ends what runs; nothing new begins."""
        self._stopped.set()

    def _wait(self, process: subprocess.Popen[bytes]) -> int | None:
        end = time.monotonic() + SHARE_WITHIN
        while time.monotonic() < end and not self._stopped.is_set():
            try:
                return process.wait(1)
            except subprocess.TimeoutExpired:
                continue
        os.killpg(process.pid, signal.SIGINT)  # lets pytest take down what it holds
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return None


def failed_tests(output: str) -> tuple[str, ...]:
    """The ids of the tests that pytest's summary (`-ra`) says failed."""
    found = re.findall(r"^(?:FAILED|ERROR) (tests/\S+\.py::.+?)(?: - .*)?$", output, re.MULTILINE)
    return tuple(dict.fromkeys(found))


def _last_line(output: Path) -> str:
    """How pytest sums up."""
    lines = output.read_text(errors="replace").splitlines()
    return next((line.strip("= ") for line in reversed(lines) if re.search(r" in [0-9.]+s", line)), "did not come to its end")


def _keep(folder: Path, to: Path) -> None:
    """Copies what each Ancla of a share said and noted, but for its secrets."""
    for file in [*folder.rglob("local.log"), *folder.glob("*/*/home/logs/**/*")]:
        copy = to / file.relative_to(folder)
        if file.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # of an Ancla that still tidies up
                shutil.copyfile(file, copy)
