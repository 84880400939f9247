"""Dockerfile: its stages and instructions, and the command that an image built from it would run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chalicelib.domain.errors import Invalid

INSTRUCTIONS = frozenset(
    "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split()
)
_TAKES_HEREDOC = frozenset({"ADD", "COPY", "RUN"})
_SHELL = ("/bin/sh", "-c")

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(\S.*?)\s*")
_HEREDOC = re.compile(r"""(?:^|\s)\d*<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_.]*)\2(?=\s|$)""")
_FROM = re.compile(r"(?:--\S+\s+)*(\S+)(?:\s+[Aa][Ss]\s+(\S+))?")

Numbered = tuple[int, str]
"""A line of the file, and its number from 1 on."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with its continued lines joined; `line` is where it begins."""

    line: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Stage:
    base: str
    name: str
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A CMD or ENTRYPOINT: its words in the exec form, else the text for a shell."""

    words: tuple[str, ...] | None
    text: str

    @property
    def argv(self) -> tuple[str, ...]:
        return (*_SHELL, self.text) if self.words is None else self.words


@dataclass(frozen=True, slots=True)
class Dockerfile:
    stages: tuple[Stage, ...]

    @property
    def base(self) -> str:
        """The image that the last stage begins from."""
        return self.stages[-1].base

    @property
    def command(self) -> str:
        """What the image runs, ENTRYPOINT and CMD combined as Docker does: a JSON array for the exec form, text for a shell, or ''.

        What the base image brings along is not known here.
        """
        entrypoint: Command | None = None
        command: Command | None = None
        for stage in self._lineage():
            own_entrypoint, own_command = _last(stage, "ENTRYPOINT"), _last(stage, "CMD")
            command = own_command or (None if own_entrypoint else command)
            entrypoint = own_entrypoint or entrypoint
        return _combined(entrypoint, command)

    @property
    def ports(self) -> tuple[str, ...]:
        """What the image exposes, such as `8000` or `53/udp`, in the order it is written."""
        exposed = [step.text.split() for stage in self._lineage() for step in stage.instructions if step.name == "EXPOSE"]
        return tuple(dict.fromkeys(port for ports in exposed for port in ports))

    @property
    def steps(self) -> tuple[Instruction, ...]:
        """All instructions of all stages, without FROM and what comes before the first one."""
        return tuple(step for stage in self.stages for step in stage.instructions)

    def _lineage(self) -> list[Stage]:
        """The last stage, led by those stages of this file that it is built on."""
        lineage = [len(self.stages) - 1]
        while (parent := self._parent(lineage[0])) is not None:
            lineage.insert(0, parent)
        return [self.stages[number] for number in lineage]

    def _parent(self, number: int) -> int | None:
        base = self.stages[number].base.lower()
        return next((earlier for earlier in reversed(range(number)) if self.stages[earlier].name == base), None)


def parse_dockerfile(text: str) -> Dockerfile:
    """The Dockerfile that `text` is. Raises Invalid, code `dockerfile_invalid`, that names the line."""
    instructions = list(_instructions(text))
    begins = [number for number, instruction in enumerate(instructions) if instruction.name == "FROM"]
    if not begins:
        raise _invalid(1, "there is no FROM")
    for instruction in instructions[: begins[0]]:
        if instruction.name != "ARG":
            raise _invalid(instruction.line, f"{instruction.name} comes before the first FROM")
    ends = [*begins[1:], len(instructions)]
    return Dockerfile(tuple(_stage(instructions[begin:end]) for begin, end in zip(begins, ends, strict=True)))


def _stage(instructions: list[Instruction]) -> Stage:
    begin = instructions[0]
    match = _FROM.fullmatch(begin.text)
    if match is None:
        raise _invalid(begin.line, "FROM is not 'FROM image' or 'FROM image AS name'")
    return Stage(base=match[1], name=(match[2] or "").lower(), instructions=tuple(instructions[1:]))


def _instructions(text: str) -> Iterator[Instruction]:
    numbered = list(enumerate(text.removeprefix("\ufeff").splitlines(), start=1))
    escape = _escape_character(numbered)
    lines = iter(numbered)
    for number, line in lines:
        if _is_blank(line):
            continue
        instruction = _instruction(number, _joined(line, lines, escape))
        if instruction.name in _TAKES_HEREDOC:
            _skip_heredocs(instruction, lines)
        yield instruction


def _instruction(number: int, text: str) -> Instruction:
    name, _, rest = text.strip().partition(" ")
    if name.upper() not in INSTRUCTIONS:
        raise _invalid(number, f"{name[:40]!r} is not an instruction")
    if not rest.strip():
        raise _invalid(number, f"{name.upper()} has no argument")
    return Instruction(number, name.upper(), rest.strip())


def _escape_character(lines: Iterable[Numbered]) -> str:
    """What the `escape` directive sets, which counts only above everything else."""
    for number, line in lines:
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None:
            break
        if match[1].lower() == "escape":
            if match[2] not in {"\\", "`"}:
                raise _invalid(number, f"the escape character {match[2][:10]!r} is neither '\\' nor '`'")
            return match[2]
    return "\\"


def _joined(line: str, following: Iterator[Numbered], escape: str) -> str:
    """`line` with the lines that continue it; comments and empty lines in between do not count."""
    continued = re.compile(re.escape(escape) + r"[ \t]*$")
    parts = [continued.sub("", line)]
    while continued.search(line):
        line = next((later for _, later in following if not _is_blank(later)), "")
        parts.append(continued.sub("", line))
    return "".join(parts).replace("\t", " ")


def _skip_heredocs(instruction: Instruction, lines: Iterator[Numbered]) -> None:
    for dash, _, name in _HEREDOC.findall(instruction.text):
        for _, line in lines:
            if (line.lstrip("\t") if dash else line) == name:
                break
        else:
            raise _invalid(instruction.line, f"the heredoc {name!r} is not closed")


def _is_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _last(stage: Stage, name: str) -> Command | None:
    texts = [instruction.text for instruction in stage.instructions if instruction.name == name]
    return _command(texts[-1]) if texts else None


def _command(text: str) -> Command:
    """Like Docker, takes for the shell form what is not a JSON array of strings."""
    try:
        words = json.loads(text) if text.startswith("[") else None
    except ValueError:
        words = None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return Command(tuple(words), text)
    return Command(None, text)


def _combined(entrypoint: Command | None, command: Command | None) -> str:
    if entrypoint is None or entrypoint.words == ():
        return _written(command)
    if entrypoint.words is None or command is None:
        return _written(entrypoint)  # a shell gets no arguments: CMD does not count
    return _written(Command((*entrypoint.argv, *command.argv), ""))


def _written(command: Command | None) -> str:
    if command is None or command.words == ():
        return ""
    if command.words is None and not command.text.startswith("["):
        return command.text
    return json.dumps(command.argv, ensure_ascii=False)


def _invalid(line: int, problem: str) -> Invalid:
    return Invalid(
        f"Dockerfile line {line}: {problem}",
        code="dockerfile_invalid",
        hint="correct that line; 'docker build --check .' shows the same kind of problem",
        extra={"line": line},
    )
