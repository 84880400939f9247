"""The git repository of the sample service: made of `examples/hello-web`, changed and pushed as a person would."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.machine import git

SAMPLE = Path(__file__).parents[2] / "examples/hello-web"
BRANCH = "main"
_GOOD = 'self.answer({"status": "ok"})'
_BROKEN = """self.log_message("health check: the table 'greetings' is missing")
            self.answer({"error": "the table 'greetings' is missing"}, status=500)"""


class SampleRepository:
    """`address` is what is cloned; `work` is where the person works."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "hello-web.git"
        self.work = folder / "hello-web"

    def create(self) -> str:
        """Makes the repository with version 1, and returns its commit."""
        shutil.copytree(SAMPLE, self.work, ignore=shutil.ignore_patterns("__pycache__"))
        git(self.work, "init", "--quiet", "--initial-branch", BRANCH)
        git(self.work, "init", "--quiet", "--bare", "--initial-branch", BRANCH, str(self.address))
        git(self.work, "remote", "add", "origin", str(self.address))
        return self._pushed("Say hello")

    def push_broken(self, version: int) -> str:
        """Pushes a version whose health check fails, and returns its commit."""
        return self._changed(version, _GOOD, _BROKEN, "Greet from the database")

    def push_repaired(self, version: int) -> str:
        return self._changed(version, _BROKEN, _GOOD, "Make the table first")

    def _changed(self, version: int, before: str, after: str, message: str) -> str:
        program = self.work / "server.py"
        text = program.read_text()
        if before not in text:
            raise ValueError(f"{program} does not have the line that the demo changes")
        program.write_text(text.replace(before, after))
        (self.work / "VERSION").write_text(f"{version}\n")
        return self._pushed(message)

    def _pushed(self, message: str) -> str:
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "--message", message)
        git(self.work, "push", "--quiet", "origin", BRANCH)
        return git(self.work, "rev-parse", "HEAD")
