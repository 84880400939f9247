"""A set of engines with a network of its own, so that several are up on one machine, each at the same addresses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.lane.shares import CHECKOUT

UP_WITHIN = 240.0


class Broken(Exception):
    """A set that does not do its part; the message says which, and what it said."""


class Ground:
    """Set number `number`: up within the `with`, gone after it. What `up` and `down` say goes to `log`."""

    def __init__(self, number: int, log: Path) -> None:
        self.number, self.log = number, log
        self.home = CHECKOUT / f".engines-home-{number}"
        self._network: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        holder = ["unshare", "--net", "--", sys.executable, "-c", _HOLD]
        # In a process group of its own, as all that runs here: Ctrl-C is for the lane, which then takes the set down.
        self._network = subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)
        assert self._network.stdout is not None
        self._network.stdout.read(1)  # the network is there
        try:
            self._obey("ip", "link", "set", "lo", "up")
            self._engines("down")  # of a run that was killed
            self._engines("up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._network is not None
        try:
            self._engines("down")
        finally:
            self._network.communicate()  # the end of what it reads is its end

    def start(self, command: Sequence[str], settings: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
        """Starts a program on this ground, in a process group of its own."""
        with output.open("wb") as file:
            return subprocess.Popen(
                self._inside(command),
                cwd=CHECKOUT,
                env={**self._environment(), **settings},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                process_group=0,
            )

    def keep_logs(self, folder: Path) -> None:
        """Copies what the engines said, for who looks at a failure after they are gone."""
        with suppress(shutil.Error, OSError):  # of what runs, and removes some meanwhile; all else is copied
            shutil.copytree(self.home / "logs", folder, dirs_exist_ok=True, symlinks=True)

    def _engines(self, word: str) -> None:
        self._obey(sys.executable, "-m", "engines", word)

    def _obey(self, *command: str) -> None:
        with self.log.open("ab") as log:
            done = subprocess.run(
                self._inside(command),
                cwd=CHECKOUT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=UP_WITHIN,
                process_group=0,
            )
        if done.returncode != 0:
            raise Broken(f"set {self.number}: {' '.join(command[-3:])} ended with code {done.returncode}:\n{self.log.read_text()}")

    def _inside(self, command: Sequence[str]) -> list[str]:
        assert self._network is not None
        return ["nsenter", "--net", "--target", str(self._network.pid), "--", *command]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "ANCLA_ENGINES_HOME": str(self.home), "ANCLA_ENGINES_CGROUP": f"ancla-lane-{self.number}"}


_HOLD = "import sys; sys.stdout.write('+'); sys.stdout.flush(); sys.stdin.read()"
"""Holds the network namespace until what it reads ends, which it does with the lane, however that ends."""
