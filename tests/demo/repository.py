"""The git repository of the sample service: made of `examples/hello-web`, changed and pushed as a person would."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

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
        self._git("init", "--quiet", "--initial-branch", BRANCH)
        self._git("init", "--quiet", "--bare", "--initial-branch", BRANCH, str(self.address))
        self._git("remote", "add", "origin", str(self.address))
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
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)
        self._git("push", "--quiet", "origin", BRANCH)
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        """Runs git without the person's own settings, so that hooks, signing and templates stay out."""
        author = {"NAME": "Demo", "EMAIL": "demo@example.com"}
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.work.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{f"GIT_{who}_{name}": value for who in ("AUTHOR", "COMMITTER") for name, value in author.items()},
        }
        done = subprocess.run(["git", *arguments], cwd=self.work, env=environ, check=True, capture_output=True, text=True, timeout=30)
        return done.stdout
