"""Tells the story: one line a step, a few details below where there is something to see; keeps times, facts and checks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

TITLE_WIDTH = 52


class CheckFailed(Exception):
    """A promise did not hold."""


@dataclass
class Telling:
    """One step while it is told."""

    number: int
    title: str
    detail: Callable[[str], None]
    """Tells a line of detail, below the step."""
    facts: dict[str, Any] = field(default_factory=dict)
    checks: list[str] = field(default_factory=list)
    result: str = ""
    """What is told at the end of the step's line."""
    seconds: float = 0.0

    def check(self, promise: str, held: bool, seen: object = "") -> None:
        """Raises CheckFailed unless the promise was held; `seen` is what was found instead."""
        if not held:
            raise CheckFailed(f"step {self.number}: it does not hold that {promise}{f' (found {seen!r})' if seen != '' else ''}")
        self.checks.append(promise)


class Teller:
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._steps: list[Telling] = []

    @contextmanager
    def step(self, number: int, title: str) -> Iterator[Telling]:
        began = time.monotonic()
        details: list[str] = []
        telling = Telling(number, title, details.append)
        if self._out.isatty():
            self._out.write(f"  … {number} {title}")
            self._out.flush()
        try:
            yield telling
        finally:
            if self._out.isatty():
                self._out.write("\r\x1b[2K")
        telling.seconds = time.monotonic() - began
        self._steps.append(telling)
        self.say(f"  ✓ {number} {title.ljust(TITLE_WIDTH)} {telling.seconds:5.1f} s  {telling.result}".rstrip())
        self.say(*(f"        {line}" for line in details))

    def say(self, *lines: str) -> None:
        self._out.writelines(f"{line}\n" for line in lines)
        self._out.flush()

    def summary(self) -> None:
        total = sum(step.seconds for step in self._steps)
        checks = sum(len(step.checks) for step in self._steps)
        self.say("", f"  {len(self._steps)} steps, {checks} checks held, {total:.1f} s")

    def write_facts(self, file: Path, *, held: bool) -> None:
        steps = [
            {"step": step.number, "title": step.title, "seconds": round(step.seconds, 3), "checks": step.checks, "facts": step.facts}
            for step in self._steps
        ]
        file.write_text(f"{json.dumps({'held': held, 'steps': steps}, indent=2)}\n")
