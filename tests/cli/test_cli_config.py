"""`ancla config`: scopes, secrets, and what never shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from ancla_cli.commands.config import place_of
from ancla_cli.result import CommandError

from tests.cli.terminal import API, P, S, Terminal
from tests.sdk.fake_server import FakeServer, answer, refusal


def test_a_variable_is_set_where_the_path_ends() -> None:
    server = FakeServer().on(f"POST {P}/config", answer({"name": "LOG_LEVEL", "value": "a=b"}, 201))
    shown = Terminal(server=server).run("config", "set", "acme/shop", "LOG_LEVEL=a=b")
    assert shown.out == "set LOG_LEVEL=a=b at acme/shop\n"
    assert server.body() == {"name": "LOG_LEVEL", "value": "a=b"}


@pytest.mark.parametrize("more", [[], ["--json"], ["-q"]])
def test_a_secret_is_read_from_stdin_and_never_shown(more: list[str]) -> None:
    server = FakeServer().on(f"POST {S}/config", answer({"name": "TOKEN", "value": "s3cr3t", "secret": True}, 201))
    shown = Terminal(server=server, stdin="s3cr3t\n").run("config", "set", "--secret", API, "TOKEN=-", *more)
    assert shown.code == 0
    assert server.body() == {"name": "TOKEN", "value": "s3cr3t", "secret": True}
    assert "s3cr3t" not in shown.out + shown.err
    assert "TOKEN" in shown.out


def test_several_variables_can_be_set_at_once_but_one_from_stdin() -> None:
    server = FakeServer().on(f"POST {S}/config", answer({"name": "A", "value": "1"}), answer({"name": "B", "value": "2"}))
    assert Terminal(server=server).run("config", "set", API, "A=1", "B=2", "-q").out == "A\nB\n"
    assert Terminal(server=server).run("config", "set", API, "A=-", "B=-").code == 2


def test_what_was_set_before_one_was_refused_is_told() -> None:
    refused = refusal(422, "variable_name_invalid", "'1X' cannot be the name of a variable")
    server = FakeServer().on(f"POST {S}/config", answer({"name": "A", "value": "1"}), refused)
    shown = Terminal(server=server).run("config", "set", API, "A=1", "1X=2")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err == "error: '1X' cannot be the name of a variable (variable_name_invalid)\n  | set before it: A=1\n"


def test_a_file_that_is_not_there_is_named_once() -> None:
    shown = Terminal().run("config", "import", API, "--file", "/no/such/file")
    assert shown.err.splitlines()[0] == "error: /no/such/file cannot be read: No such file or directory (usage)"


def test_what_may_be_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    shown = Terminal().run("config", "set", API, "s3cr3t")
    assert shown.code == 2
    assert "s3cr3t" not in shown.out + shown.err


def test_the_resolved_list_shows_where_each_variable_comes_from() -> None:
    variables = [
        {"name": "GREETING", "value": "hello", "scope": "environment", "owner": "acme/shop/staging"},
        {"name": "TOKEN", "value": "should be masked by the server", "secret": True, "scope": "service"},
    ]
    server = FakeServer().on(f"GET {S}/config/resolved", answer(variables))
    terminal = Terminal(server=server)
    assert terminal.run("config", "list", API, "--resolved").out == (
        "NAME      VALUE       SECRET  BUILDTIME  SET AT\n"
        "GREETING  hello       -       -          acme/shop/staging\n"
        "TOKEN     **secret**  yes     -          service\n"
    )
    assert terminal.run("config", "list", API, "--resolved", "--json").json[1]["value"] == "**secret**"


def test_deleting_asks_first() -> None:
    server = FakeServer().on(f"DELETE {S}/config/A", answer(status=204))
    assert Terminal(server=server).run("config", "delete", API, "A").code == 2
    assert server.calls == []
    shown = Terminal(server=server, interactive=True, stdin="yes\n").run("config", "delete", API, "A")
    assert (shown.code, shown.out) == (0, "deleted A at acme/shop/staging/api\n")


def test_a_file_is_imported_and_what_could_not_be_set_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\nTOKEN=x\n1B=2\n")
    body = {"created": ["A"], "skipped": ["TOKEN"], "errors": [{"name": "1B", "error": "not the name of a variable"}]}
    server = FakeServer().on(f"POST {S}/config/bulk", answer(body, 201))
    shown = Terminal(server=server).run("config", "import", API, "--file", str(file), "--plain")
    assert server.body() == {"raw": "A=1\nTOKEN=x\n1B=2\n", "secret": False}
    assert shown.code == 1
    assert shown.out == "set 1 at acme/shop/staging/api\nleft alone: TOKEN\n"
    assert shown.err == (
        "error: 1 could not be set at acme/shop/staging/api (import_incomplete)\n"
        "  | 1B: not the name of a variable\n"
        "hint: correct them in the file, and import it again\n"
    )
    assert Terminal(server=server).run("config", "import", API, "--file", str(tmp_path / "none")).code == 2
    Terminal(server=server, stdin="B=2\n").run("config", "import", API, "--file", "-")
    assert server.body() == {"raw": "B=2"}


def test_a_teams_variables_lie_at_the_team() -> None:
    server = FakeServer().on("POST /workspaces/acme/teams/core/config", answer({"name": "A", "value": "1"}, 201))
    shown = Terminal(server=server).run("config", "set", API, "A=1", "--scope", "team", "--team", "core")
    assert shown.out == "set A=1 at acme, team core\n"


def test_a_teams_variable_is_deleted_and_listed_by_the_name_of_its_team() -> None:
    variable = {"name": "A", "value": "1", "scope": "team", "owner": "acme/~core"}
    server = FakeServer().on("DELETE /workspaces/acme/teams/core/config/A", answer(None, 204))
    server.on("GET /workspaces/acme/teams/core/config", answer([variable]), answer([]))
    terminal = Terminal(server=server)
    assert terminal.run("config", "delete", "acme", "A", "--team", "core", "--yes").out == "deleted A at acme, team core\n"
    assert terminal.run("config", "list", "acme", "--team", "core").out.splitlines()[1].endswith("acme, team core")
    hint = "hint: set a variable with 'ancla config set acme --team core NAME=VALUE'\n"
    assert terminal.run("config", "list", "acme", "--team", "core").err == hint


@pytest.mark.parametrize(
    ("address", "scope", "team", "place"),
    [
        (API, None, "", (API, "")),
        ("acme", None, "", ("acme", "")),
        (API, "service", "", (API, "")),
        (API, "environment", "", ("acme/shop/staging", "")),
        (API, "env", "", ("acme/shop/staging", "")),
        (API, "project", "", ("acme/shop", "")),
        (API, "workspace", "", ("acme", "")),
        (API, None, "core", ("acme", "core")),
        (API, "team", "core", ("acme", "core")),
    ],
)
def test_the_scope_says_how_much_of_the_path_counts(address: str, scope: str | None, team: str, place: tuple[str, str]) -> None:
    assert place_of(address, scope, team) == place


@pytest.mark.parametrize(("address", "scope", "team"), [("acme", "service", ""), (API, "team", ""), (API, "project", "core")])
def test_a_scope_that_the_path_does_not_reach_is_wrong_usage(address: str, scope: str, team: str) -> None:
    with pytest.raises(CommandError):
        place_of(address, scope, team)
