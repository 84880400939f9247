"""How a set of engines is doing, as rows and as a table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.engine import Engine, State

HEADINGS = ("NAME", "VERSION", "STATE", "ADDRESS", "PID")


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    version: str
    state: State
    address: str
    pid: int | None


def judge(engine: Engine, *, pid: int | None, alive: bool, ready: bool) -> State:
    """What is to be said of an engine: `pid` was noted at its start, `alive` says whether that process still lives."""
    if not engine.argv:
        return State.READY if ready else State.STOPPED
    if pid is None:
        return State.STOPPED
    if not alive:
        return State.DEAD
    return State.READY if ready else State.NOT_READY


def render_table(rows: Sequence[Row]) -> str:
    """Columns as wide as they must be, no blanks at the ends of lines."""
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join(lines)


def verdict(rows: Sequence[Row]) -> str:
    """One sentence, with the next command where something is not as it should be."""
    troubled = [row.name for row in rows if row.state is not State.READY]
    if not troubled:
        return f"all {len(rows)} engines are ready"
    if len(troubled) == len(rows):
        return "no engine is running: make engines-up"
    return f"not ready: {', '.join(troubled)}: make engines-up starts what is gone, make engines-logs NAME={troubled[0]} shows why"


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    return (row.name, row.version, str(row.state), row.address or "-", str(row.pid) if row.pid else "-")
