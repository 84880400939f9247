"""Reads the text of a .env file: what is good of it, and for each other line why it is not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LINE = re.compile(r"(?:export\s+)?(?P<name>[^=\s]+)\s*=(?P<value>.*)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$", "`": "`"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One good line."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that cannot be taken; `name` is its variable, or `line N` where it has none. Never shows a value."""

    name: str
    problem: str


def parse_dotenv(text: str) -> list[Setting | BadLine]:
    """The lines of `text` in order, without empty ones and comments. Quoted values may go over several lines."""
    lines = text.removeprefix("\ufeff").splitlines()
    parsed: list[Setting | BadLine] = []
    number = 0
    while number < len(lines):
        taken, result = _read(lines, number)
        number += taken
        if result is not None:
            parsed.append(result)
    return parsed


def _read(lines: list[str], number: int) -> tuple[int, Setting | BadLine | None]:
    """How many lines the entry at `number` takes, and what it is."""
    line = lines[number].strip()
    if not line or line.startswith("#"):
        return 1, None
    match = _LINE.fullmatch(line)
    if match is None:
        return 1, BadLine(f"line {number + 1}", "is not NAME=value")
    name, rest = match["name"], match["value"].strip()
    if rest[:1] not in {'"', "'"}:
        return 1, Setting(name, re.split(r"(?:^|\s)#", rest, maxsplit=1)[0].strip())
    for taken in range(1, len(lines) - number + 1):
        quoted = "\n".join([rest, *lines[number + 1 : number + taken]])
        end = _closing(quoted)
        if end:
            return taken, _quoted(name, quoted, end)
    return 1, BadLine(name, f"the quote {rest[0]} is never closed")


def _closing(quoted: str) -> int:
    """Where the quote that `quoted` begins with is closed; 0 when it is not."""
    position = 1
    while position < len(quoted):
        if quoted[0] == '"' and quoted[position] == "\\":
            position += 2
            continue
        if quoted[position] == quoted[0]:
            return position
        position += 1
    return 0


def _quoted(name: str, quoted: str, end: int) -> Setting | BadLine:
    after = quoted[end + 1 :].strip()
    if after and not after.startswith("#"):
        return BadLine(name, f"there is something behind the closing {quoted[0]}")
    inner = quoted[1:end]
    if quoted[0] == "'":
        return Setting(name, inner)
    return Setting(name, re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), inner, flags=re.DOTALL))
