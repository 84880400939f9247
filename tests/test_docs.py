"""The documentation says what the code does: what can be compared is compared here."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import click
import pytest
from ancla_cli import reference as cli
from ancla_cli.app import App, Surroundings
from ancla_cli.commands import root
from ancla_cli.ui import Ui

from chalicelib.api import reference as api
from chalicelib.api.openapi import document
from chalicelib.api.surface import ROUTES
from chalicelib.domain.addresses import HIERARCHY, Level
from tests.test_design import ROOT, SOURCES, dotted, nodes, python_files

DOCS = ROOT / "docs"
ERRORS = DOCS / "reference" / "errors.md"

DERIVED = {
    "{level.value}_not_found": [level.value for level in HIERARCHY],
    "{where.level.value}_not_found": [level.value for level in Level],
    "{level}_closing": ["project", "environment", "service"],
    "{noun}_not_found": ["build", "deploy"],
    "{noun}_ambiguous": ["build", "deploy"],
    "{field}_invalid": ["image", "platform", "build_strategy", "health_check_path", "deployment_timeout"],
    "http_{status}": ["<status>"],
}
"""What is put into the codes that are made of parts."""

TAKES_CODE = {"fail": 1, "_refused": 2, "_text_of": 2, "RepositoryProblem": 0, "SourceProblem": 0}
"""The place of the code among the arguments, where it has no name."""

CODE = re.compile(r"[a-z]+(?:_[a-z]+)*")
ROW = re.compile(r"^\| `([a-z_<>]+)` ", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`((?:chalicelib|cli|docs|examples|sdks|tests)/[\w./-]+)`")
COMMAND = re.compile(r"^\$ (ancla .*?)(?:\s+#.*)?$", re.MULTILINE)
PAGES = [
    *sorted(page for page in ROOT.glob("*.md")),
    *sorted(DOCS.rglob("*.md")),
    *sorted(page for part in ("cli", "sdks", "examples") for page in (ROOT / part).rglob("*.md") if ".venv" not in page.parts),
]


def test_every_error_code_is_explained() -> None:
    assert sorted(codes_in_source() - codes_in_docs()) == [], f"add them to {ERRORS.name}: meaning and next step"


def test_every_explained_error_code_can_occur() -> None:
    assert sorted(codes_in_docs() - codes_in_source()) == [], f"take them out of {ERRORS.name}"


def test_the_reference_of_the_api_is_that_of_the_routes() -> None:
    assert (DOCS / "reference" / "api.md").read_text(encoding="utf-8") == api.reference(document(ROUTES)), "run: make generate"


def test_the_reference_of_the_command_is_that_of_its_tree() -> None:
    assert (DOCS / "reference" / "cli.md").read_text(encoding="utf-8") == cli.reference(root), "run: make generate"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_path_of_a_page_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []
    assert [path for path in PATH.findall(text) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_can_be_typed_as_it_stands(page: Path) -> None:
    for line in COMMAND.findall(page.read_text(encoding="utf-8")):
        words = shlex.split(line.partition(" < ")[0])[1:]
        command: click.Command = root
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        if isinstance(command, click.Group):
            assert words == [], f"{line}: there is no such command"
        else:
            command.make_context("ancla", words, obj=silent_app())


def silent_app() -> App:
    ui = Ui(out=StringIO(), err=StringIO(), stdin=StringIO(), read_hidden=str)
    return App(ui=ui, around=Surroundings(environ={}, home=Path("/nonexistent"), folder=Path("/nonexistent")))


def codes_in_docs() -> set[str]:
    return set(ROW.findall(ERRORS.read_text(encoding="utf-8")))


def codes_in_source() -> set[str]:
    """Every code that an error or a failure is made with, wherever the source has one."""
    return {code for path in python_files(*SOURCES) for node in nodes(path) for place in code_places(node) for code in codes_of(place)}


def code_places(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions that give a code: arguments, defaults, variables of that name, and the tables of (code, what, hint)."""
    match node:
        case ast.Call(func=function, args=args, keywords=keywords):
            yield from (keyword.value for keyword in keywords if keyword.arg == "code")
            at = TAKES_CODE.get(dotted(function), len(args))
            yield from args[at : at + 1]
        case ast.Assign(targets=[ast.Name(id="code" | "default_code")], value=value):
            yield value
        case ast.AnnAssign(target=ast.Name(id="code" | "default_code"), value=ast.expr() as value):
            yield value
        case ast.Assign(targets=[ast.Name(id="_HINTS")], value=ast.Dict(keys=keys)):
            yield from (key for key in keys if key is not None)
        case ast.arguments():
            yield from (default for name, default in defaults(node) if name == "code")
        case ast.Tuple(elts=[ast.Constant(value=str(code)) as first, _, ast.Constant(value=str(hint))]) if CODE.fullmatch(code):
            yield from [first] if " " in hint else []
        case _:
            return


def defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    for argument, default in zip(reversed(positional), reversed(arguments.defaults), strict=False):
        yield argument.arg, default
    for argument, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if keyword_default is not None:
            yield argument.arg, keyword_default


def codes_of(place: ast.expr) -> Iterator[str]:
    match place:
        case ast.Constant(value=str(text)):
            yield from [text] if text else []
        case ast.IfExp(body=first, orelse=second):
            yield from (*codes_of(first), *codes_of(second))
        case ast.BoolOp(values=values):
            yield from (code for value in values for code in codes_of(value))
        case ast.JoinedStr():
            pattern = ast.unparse(place).removeprefix("f").strip("'\"")
            part = pattern[pattern.index("{") : pattern.index("}") + 1]
            yield from (pattern.replace(part, word) for word in DERIVED[pattern])
        case _:
            return
