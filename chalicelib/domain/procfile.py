"""Procfile: one `name: command` line for each process type."""

from __future__ import annotations

import re

from chalicelib.domain.errors import Invalid

RELEASE = "release"
WEB = "web"
MAX_PROCESSES = 20
MAX_COMMAND = 4096

_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)\s*:\s*(\S.*)")
_PROCESS = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


def parse_procfile(text: str) -> dict[str, str]:
    """The commands by process type, in the file's order. Raises Invalid, code `procfile_invalid`, that names the line."""
    processes: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise _invalid(number, f"{_shown(stripped)} is not 'name: command'")
        name, command = match[1], match[2].strip()
        if not is_process_name(name):
            raise _invalid(number, f"{name!r} cannot be a process type: use a-z, 0-9 and '-' in between, at most 32 characters")
        if name in processes:
            raise _invalid(number, f"{name!r} is there twice")
        if len(command) > MAX_COMMAND or "\0" in command:
            raise _invalid(number, f"the command has more than {MAX_COMMAND} characters, or a NUL byte")
        processes[name] = command
    if not processes:
        raise Invalid("the Procfile has no process", code="procfile_invalid", hint="add a line such as 'web: python server.py'")
    if len(processes) > MAX_PROCESSES:
        raise Invalid(f"the Procfile has more than {MAX_PROCESSES} processes", code="procfile_invalid", hint="split the service")
    return processes


def is_process_name(name: str) -> bool:
    return bool(_PROCESS.fullmatch(name))


def _invalid(number: int, problem: str) -> Invalid:
    return Invalid(
        f"Procfile line {number}: {problem}",
        code="procfile_invalid",
        hint="each line is 'name: command', for example 'web: python server.py'",
        extra={"line": number},
    )


def _shown(line: str) -> str:
    return repr(line if len(line) <= 60 else f"{line[:57]}...")
