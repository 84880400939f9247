"""A hint that names a command names one that can be typed: what Ancla says to its users is held to its own command line."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

import click
import pytest
from ancla_cli.commands import root
from ancla_cli.framework import Shown

from tests.test_design import SOURCES, nodes, python_files
from tests.test_docs import silent_app

QUOTED = re.compile(r"'ancla ([^']+)'")
AT_THE_END = re.compile(r": ancla ([^'].*)$")
NUMBERS = re.compile(r"\b(N|SECONDS)\b")
FILLED_IN = "acme"
"""What stands for a part that is only known when the hint is given."""


def test_every_command_that_a_hint_names_can_be_typed_as_it_stands() -> None:
    named = [(path, line) for path in python_files(*SOURCES) for line in commands_in(path)]
    assert len(named) > 20, "the hints are not found any more"
    assert [f"{path}: {line}: {problem}" for path, line in named if (problem := problem_of(line))] == []


@pytest.mark.parametrize("line", ["services create acme/shop/staging/api", "deploys show acme 1", "deploy acme --version 1"])
def test_a_command_that_cannot_be_typed_is_found(line: str) -> None:
    assert problem_of(line)


def commands_in(path: str) -> Iterator[str]:
    found = nodes(path)
    pieces = {id(piece) for node in found if isinstance(node, ast.JoinedStr) for piece in node.values}
    for text in (text_of(node) for node in found if id(node) not in pieces):
        yield from QUOTED.findall(text)
        yield from AT_THE_END.findall(text)


def text_of(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(text_of(value) if isinstance(value, ast.Constant) else FILLED_IN for value in values)
        case _:
            return ""


def problem_of(line: str) -> str:
    words = shlex.split(NUMBERS.sub("1", line))
    command: click.Command = root
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    if isinstance(command, click.Group):
        return "there is no such command"
    if not words:
        return ""  # only the command is named
    try:
        command.make_context("ancla", words, obj=silent_app())
    except Shown:
        return ""
    except click.UsageError as error:
        return error.format_message()
    return ""
