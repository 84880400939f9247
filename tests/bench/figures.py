"""Figures: what was measured, what the goal is, and how both are shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

HEADINGS = ("figure", "goal", "measured", "ok")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number. `goal` is the most that it should be; None: it is only reported."""

    name: str
    measured: float
    unit: str
    goal: float | None = None

    @property
    def ok(self) -> bool | None:
        return None if self.goal is None else self.measured <= self.goal

    def as_json(self) -> dict[str, object]:
        return {"name": self.name, "unit": self.unit, "goal": self.goal, "measured": round(self.measured, 6), "ok": self.ok}


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def spread(name: str, values: Sequence[float], unit: str, *, p50: float | None = None, p95: float | None = None) -> list[Figure]:
    """Median and 95th percentile of `values`, with their goals."""
    return [
        Figure(name=f"{name}, p50", measured=percentile(values, 50), unit=unit, goal=p50),
        Figure(name=f"{name}, p95", measured=percentile(values, 95), unit=unit, goal=p95),
    ]


def table(figures: Sequence[Figure]) -> str:
    """The figures as lines of text, a figure each."""
    rows = [HEADINGS, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _row(figure: Figure) -> tuple[str, str, str, str]:
    goal = "" if figure.goal is None else f"<= {_amount(figure.goal, figure.unit)}"
    return figure.name, goal, _amount(figure.measured, figure.unit), {True: "yes", False: "NO", None: ""}[figure.ok]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, goal, measured, ok = row
    return f"{name:<{widths[0]}}  {goal:>{widths[1]}}  {measured:>{widths[2]}}  {ok:<{widths[3]}}".rstrip()


def _amount(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".rstrip() if value < 100 else f"{value:.0f} {unit}".rstrip()
