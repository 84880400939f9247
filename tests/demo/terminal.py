"""Types `ancla` commands as a person would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.demo.telling import CheckFailed

WITHIN = 60.0


@dataclass(frozen=True)
class Terminal:
    """`folder` is the home folder of the person: their own settings stay out."""

    server: str
    key: str
    folder: Path

    def ancla(self, *arguments: str, stdin: str = "") -> Any:
        """Runs a command with `--json` and returns what it says. Raises CheckFailed when it fails."""
        done = subprocess.run(
            self._command(*arguments, "--json"), env=self._environ, input=stdin, capture_output=True, text=True, timeout=WITHIN
        )
        if done.returncode != 0:
            raise CheckFailed(f"ancla {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def watch(self, *arguments: str, tell: Callable[[str], None]) -> int:
        """Runs a command, passes on each line as it comes, and returns the exit code; one that takes too long is ended."""
        process = subprocess.Popen(
            self._command(*arguments),
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        limit = threading.Timer(WITHIN, process.kill)
        limit.start()
        with process, process.stdout:
            try:
                for line in process.stdout:
                    tell(line.rstrip())
            except BaseException:
                process.kill()
                raise
            finally:
                limit.cancel()
        return process.returncode

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "ancla_cli", *arguments]

    @property
    def _environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "ANCLA_SERVER": self.server,
            "ANCLA_API_KEY": self.key,
            "PYTHONUNBUFFERED": "1",
        }
