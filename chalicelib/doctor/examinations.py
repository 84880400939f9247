"""Runs examinations at the same time, each for a bounded time: an engine that is away holds up no other one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from chalicelib.doctor.findings import Checkup, Finding, Trouble, failed
from chalicelib.domain.errors import AnclaError

SECONDS = 10.0
"""For all that is asked of one engine."""
REACHED = "reached"


@dataclass(frozen=True, slots=True)
class Examination:
    """`look` yields what it finds as it finds it; a Trouble, or an error of an adapter, ends it and is its last finding."""

    engine: str
    look: Callable[[], Iterator[Finding]]


def examine(examinations: Sequence[Examination], *, seconds: float = SECONDS) -> list[Checkup]:
    deadline = time.monotonic() + seconds
    running = [_Running(one) for one in examinations]
    return [one.checkup(deadline, seconds) for one in running]


class _Running:
    def __init__(self, examination: Examination) -> None:
        self._examination = examination
        self._findings: list[Finding] = []
        self._complete = False
        # A daemon: one that still waits for its engine keeps nobody from going home.
        self._thread = threading.Thread(target=self._run, name=examination.engine, daemon=True)
        self._thread.start()

    def checkup(self, deadline: float, seconds: float) -> Checkup:
        self._thread.join(max(0.0, deadline - time.monotonic()))
        in_time, complete = not self._thread.is_alive(), self._complete
        findings = list(self._findings)
        if not in_time:
            findings.append(failed("time", f"not done within {seconds:g} s", "look at the engine, and at the way to it"))
        elif not complete:
            findings.append(failed("doctor", "the check itself broke off", "report it, with what was printed above"))
        return Checkup(engine=self._examination.engine, findings=findings)

    def _run(self) -> None:
        try:
            for finding in self._examination.look():
                self._findings.append(finding)
        except Trouble as trouble:
            self._findings.append(trouble.finding)
        except AnclaError as error:
            self._findings.append(failed(REACHED, error.message, error.hint))
        self._complete = True
