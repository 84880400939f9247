"""Why a run failed, as people and clients see it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A stable `code`, a `message`, the `hint` that names the next step, and `evidence` in lines (log tail, probe answer, events)."""

    code: str
    message: str
    hint: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def detail(self) -> str:
        """The text for `error_detail`: message, evidence and hint, one thing a line."""
        return "\n".join([self.message, *self.evidence, *([f"hint: {self.hint}"] if self.hint else [])])
