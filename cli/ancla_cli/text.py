"""Tables and small texts, as pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ancla_cli.result import Paint

SHORT_ID = 8


def table(header: Sequence[str], rows: Iterable[Sequence[str]], paint: Paint) -> list[str]:
    """Upper-case header, two spaces between the columns; the header alone when there are no rows."""
    body = [[cell or "-" for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [header, *body]) for column in range(len(header))]
    head, *lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in [header, *body]]
    return [paint.dim(head), *lines]


def pairs(entries: Sequence[tuple[str, str]], paint: Paint) -> list[str]:
    """One `name  value` a line; entries without a value are left out."""
    shown = [(name, value) for name, value in entries if value]
    width = max((len(name) for name, _ in shown), default=0)
    return [f"{paint.dim(name.ljust(width))}  {value}" for name, value in shown]


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `2 m 05 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} m {whole % 60:02d} s"


def short(text: str) -> str:
    """The beginning of an id or a commit that is enough to name it."""
    return text[:SHORT_ID]


def moment(time: str) -> str:
    """A time of the API to the second."""
    return f"{time.partition('.')[0].removesuffix('Z').replace('T', ' ')}Z" if time else ""


def shortened(text: str, width: int = 40) -> str:
    """One line of at most `width` characters: the end of an image's digest or of a long value is left out."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def yes(flag: bool) -> str:
    return "yes" if flag else ""


def masked(key: str) -> str:
    """A key by which a person can recognise it, and nobody can use it."""
    return f"…{key[-4:]}" if len(key) > 12 else "…"


def place_named(owner: str) -> str:
    """Where a variable lies, in the words that are typed: the API writes a workspace's team as `acme/~core`."""
    place, _, team = owner.partition("/~")
    return f"{place}, team {team}" if team else place
