"""What one check found: a verdict, what was seen, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It may work, or cannot be told from here."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    check: str
    verdict: Verdict
    seen: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """All that was found at one engine, in the order in which it was looked at."""

    engine: str
    findings: Sequence[Finding]


class Trouble(Exception):
    """What keeps an examination from going on: its last finding."""

    def __init__(self, check: str, seen: str, hint: str) -> None:
        super().__init__(seen)
        self.finding = failed(check, seen, hint)


def ok(check: str, seen: str) -> Finding:
    return Finding(check=check, verdict=Verdict.OK, seen=seen)


def warning(check: str, seen: str, hint: str) -> Finding:
    return Finding(check=check, verdict=Verdict.WARNING, seen=seen, hint=hint)


def failed(check: str, seen: str, hint: str) -> Finding:
    return Finding(check=check, verdict=Verdict.FAILED, seen=seen, hint=hint)
