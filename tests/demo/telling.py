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
    """Tells a line of detail at once."""
    facts: dict[str, Any] = field(default_factory=dict)
    checks: list[str] = field(default_factory=list)
    result: str = ""
    """What the step ends with."""
    seconds: float = 0.0

    def check(self, promise: str, held: bool, seen: object = "") -> None:
        """Raises CheckFailed unless the promise was held; `seen` is what was found instead."""
        if not held:
            raise CheckFailed(f"step {self.number}: it does not hold that {promise}{f' (found {seen!r})' if seen != '' else ''}")
        self.checks.append(promise)


class Teller:
    """A step is one line, told when it is done; one with details is its title, the details as they come, and its end."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._steps: list[Telling] = []
        self._waiting = ""

    @contextmanager
    def step(self, number: int, title: str) -> Iterator[Telling]:
        began = time.monotonic()
        telling = Telling(number, title, self._tell_detail)
        self._wait(f"  {number}  {title}")
        try:
            yield telling
        finally:
            untold = self._end_wait()
        telling.seconds = time.monotonic() - began
        self._steps.append(telling)
        name = f"{number}  {title}" if untold else "   done"
        self.say(f"  {name.ljust(TITLE_WIDTH)} {telling.seconds:5.1f} s  {telling.result}".rstrip())

    def _tell_detail(self, line: str) -> None:
        title = self._end_wait()
        if title:
            self.say(title)
        self.say(f"     {line}")

    def _wait(self, title: str) -> None:
        """Shows on a terminal what is being done now, until something is told about it."""
        self._waiting = title
        if self._out.isatty():
            self._out.write(title)
            self._out.flush()

    def _end_wait(self) -> str:
        title, self._waiting = self._waiting, ""
        if title and self._out.isatty():
            self._out.write("\r\x1b[2K")
        return title

    def say(self, *lines: str) -> None:
        self._out.writelines(f"{line}\n" for line in lines)
        self._out.flush()

    def totals(self) -> tuple[int, int, float]:
        """Steps told, checks held, seconds taken."""
        return len(self._steps), sum(len(step.checks) for step in self._steps), sum(step.seconds for step in self._steps)

    def write_facts(self, file: Path, *, held: bool) -> None:
        steps = [
            {"step": step.number, "title": step.title, "seconds": round(step.seconds, 3), "checks": step.checks, "facts": step.facts}
            for step in self._steps
        ]
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.write_text(f"{json.dumps({'held': held, 'steps': steps}, indent=2)}\n")
