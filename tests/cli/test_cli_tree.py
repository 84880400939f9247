"""What holds for every command."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from ancla_cli.app import App, Surroundings
from ancla_cli.commands import root
from ancla_cli.framework import Command, Group
from ancla_cli.version import VERSION

from tests.cli.terminal import Terminal
from tests.sdk.fake_server import FakeServer, answer, refusal


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from walk(child, (*path, name))


EVERYTHING = list(walk(root))
LEAVES = [(path, command) for path, command in EVERYTHING if isinstance(command, Command)]
NAMES = [" ".join(path) or "ancla" for path, _ in EVERYTHING]
LEAF_NAMES = [" ".join(path) for path, _ in LEAVES]


def examples_of(path: tuple[str, ...], command: click.Command) -> list[list[str]]:
    """The examples as arguments after the command's own name."""
    assert isinstance(command, (Command, Group))
    words = [shlex.split(example.partition(" < ")[0])[1:] for example in command.examples]
    return [line[len(path) :] if tuple(line[: len(path)]) == path else line[1:] for line in words]


@pytest.mark.parametrize(("path", "command"), EVERYTHING, ids=NAMES)
def test_every_command_has_help_with_an_example(path: tuple[str, ...], command: click.Command) -> None:
    shown = Terminal().run(*path, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert command.help and command.help.endswith(".")
    assert "Examples:\n  $ ancla " in shown.out


def test_the_list_of_commands_cuts_no_line_off() -> None:
    shown = " ".join(Terminal().run("--help").out.split())
    assert "..." not in shown.partition("Commands:")[2].replace("v2, ...", "")
    assert all(" ".join((command.help or "").split()) in shown for command in root.commands.values())


@pytest.mark.parametrize(("path", "command"), EVERYTHING, ids=NAMES)
def test_every_command_takes_json_and_its_help_is_one_value(path: tuple[str, ...], command: click.Command) -> None:
    assert "Usage: ancla" in Terminal().run(*path, "--help", "--json").json["help"]


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=LEAF_NAMES)
def test_every_example_can_be_typed_as_it_stands(path: tuple[str, ...], command: click.Command) -> None:
    terminal = Terminal()
    around = Surroundings(environ=terminal.environ, home=terminal.home, folder=terminal.folder)
    for arguments in examples_of(path, command):
        app = App(ui=None, around=around)  # type: ignore[arg-type]
        command.make_context(path[-1], list(arguments), obj=app)


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=LEAF_NAMES)
@pytest.mark.parametrize("behind", [True, False], ids=["json behind", "json before"])
def test_every_error_of_the_server_is_one_json_value_and_a_failing_exit(
    path: tuple[str, ...], command: click.Command, behind: bool
) -> None:
    if path == ("version",):
        assert Terminal().run("version", "--json").json == {"version": VERSION}
        return
    terminal = Terminal(server=Refusing(), stdin="value\n", environ={"ANCLA_API_KEY": "ancla_x", "ANCLA_SERVER": "http://ancla.test"})
    arguments = [*path, *examples_of(path, command)[0]]
    arguments += ["--api-key", "ancla_x"] if path == ("login",) else []
    shown = terminal.run(*arguments, "--json") if behind else terminal.run("--json", *arguments)
    if "--yes" in arguments or shown.code == 1:
        assert shown.json["error"] == {
            "code": "not_found",
            "message": "it is not there",
            "hint": "look elsewhere",
            "status": 404,
            "request_id": "req-1",
        }
    else:
        assert shown.json["error"]["code"] == "usage"
    assert shown.err == ""
    assert shown.code != 0


class Refusing(FakeServer):
    def handle(self, request: object) -> object:  # type: ignore[override]
        return refusal(404, "not_found", "it is not there", "look elsewhere")


@pytest.mark.parametrize(
    "arguments", [["bogus"], ["deploy"], ["deploy", "a/b/c/d", "--bogus"], ["scale", "a/b/c/d", "web"], ["deploy", "a/b"]]
)
def test_wrong_usage_says_so_in_both_modes(arguments: list[str]) -> None:
    shown = Terminal().run(*arguments)
    assert shown.code in {1, 2}
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    as_json = Terminal().run(*arguments, "--json")
    assert as_json.code == shown.code
    assert as_json.json["error"]["hint"]


def test_the_whole_tree_is_shown_by_the_bare_command() -> None:
    shown = Terminal().run()
    assert shown.code == 0
    assert all(f"\n  {name} " in shown.out for name in root.commands)


def test_an_answer_that_is_not_anclas_is_an_error_and_no_traceback() -> None:
    shown = Terminal(server=FakeServer().on("GET /workspaces", answer({"a": 1}))).run("workspaces", "list")
    assert shown.code == 1
    assert shown.err.splitlines()[0] == "error: the answer holds an object where list of Workspace belongs (answer_unexpected)"


def test_code_and_packaging_agree_on_the_version() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "cli/pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
    assert json.dumps(project["dependencies"]).count(f"ancla-sdk=={VERSION}") == 1
