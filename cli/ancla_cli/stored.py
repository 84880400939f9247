"""The files that keep server and key: `~/.ancla/config.yaml`, and `.ancla/config.yaml` of a folder or the nearest one above it.

They are flat YAML, one `name: value` a line; no other form is read, and none is written.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from ancla_cli.result import CommandError, Problem

FOLDER = ".ancla"
FILE = "config.yaml"
_LINE = re.compile(r"([a-z_]+):(?:\s+(.*?))?\s*")
_COMMENT = re.compile(r"(?:^|\s)#.*")


def global_file(home: Path) -> Path:
    return home / FOLDER / FILE


def local_file(folder: Path, home: Path) -> Path | None:
    """The nearest local file at or above `folder`; the global file is none."""
    files = (directory / FOLDER / FILE for directory in [folder, *folder.parents])
    return next((file for file in files if file != global_file(home) and file.is_file()), None)


def read(file: Path | None) -> dict[str, str]:
    """What the file says; nothing when there is none."""
    if file is None:
        return {}
    try:
        return parse(file.read_text(encoding="utf-8"), str(file))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(f"{file} cannot be read: {error}") from error


def parse(text: str, name: str) -> dict[str, str]:
    """The entries of flat YAML: plain, 'single' or "double" quoted scalars, comments and blank lines; else a CommandError."""
    entries = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#") or line.strip() == "---":
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise _unusable(f"{name} line {number} is not 'name: value'")
        entries[match[1]] = _scalar(match[2] or "", f"{name} line {number}")
    return entries


def write(file: Path, entries: Mapping[str, str]) -> None:
    """Replaces the file at once, readable by its owner alone: it holds a key."""
    text = "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in sorted(entries.items()))
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.parent.chmod(0o700)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text)
        fresh.replace(file)
    except OSError as error:
        raise _unusable(f"{file} cannot be written: {error.strerror}") from error


def _scalar(text: str, where: str) -> str:
    if text.startswith('"'):
        try:
            value, end = json.JSONDecoder().raw_decode(text)
        except ValueError as error:
            raise _unusable(f"{where} has a quote that does not end") from error
        return _with_nothing_after(str(value), text[end:], where)
    if text.startswith("'"):
        match = re.match(r"'((?:[^']|'')*)'", text)
        if match is None:
            raise _unusable(f"{where} has a quote that does not end")
        return _with_nothing_after(match[1].replace("''", "'"), text[match.end() :], where)
    return _COMMENT.sub("", text).strip()


def _with_nothing_after(value: str, rest: str, where: str) -> str:
    if _COMMENT.sub("", rest).strip():
        raise _unusable(f"{where} goes on after the closing quote")
    return value


def _unusable(message: str) -> CommandError:
    return CommandError(Problem(code="config_file_invalid", message=message, hint="correct the file, or remove it and run 'ancla login'"))
