"""Logging in, and which server is called with which key."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ancla_cli.access import resolve_access
from ancla_cli.result import CommandError
from ancla_cli.stored import global_file, local_file, parse, read, write

from tests.cli.terminal import Terminal
from tests.sdk.fake_server import FakeServer, answer, refusal

TWO = answer([{"slug": "acme", "name": "Acme"}, {"slug": "beta", "name": "Beta"}])


def test_login_checks_the_key_and_keeps_it_for_its_owner_alone(tmp_path: Path) -> None:
    server = FakeServer().on("GET /workspaces", TWO)
    terminal = Terminal(server=server, environ={}, home=tmp_path, folder=tmp_path, interactive=True, hidden=" ancla_typed \n")
    shown = terminal.run("login", "--server", "ancla.test/")
    file = tmp_path / ".ancla/config.yaml"
    assert shown.code == 0
    assert shown.out == f"logged in to http://ancla.test\nthe key is kept in {file}\n"
    assert server.requests[0].headers["x-api-key"] == "ancla_typed"
    assert file.read_text() == 'api_key: "ancla_typed"\nserver: "http://ancla.test"\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in file.parent.iterdir()] == ["config.yaml"]


def test_a_key_that_is_refused_is_not_kept(tmp_path: Path) -> None:
    server = FakeServer().on("GET /workspaces", refusal(401, "unauthorized", "this key does not count", "make a new one"))
    shown = Terminal(server=server, environ={}, home=tmp_path, folder=tmp_path).run("login", "--api-key", "ancla_wrong")
    assert shown.code == 1
    assert shown.err == "error: this key does not count (unauthorized)\nhint: make a new one\n"
    assert not (tmp_path / ".ancla").exists()


def test_off_a_terminal_login_names_the_flag(tmp_path: Path) -> None:
    shown = Terminal(environ={}, home=tmp_path, folder=tmp_path).run("login")
    assert shown.code == 2
    assert shown.err == "error: cannot ask without a terminal: API key (usage)\nhint: pass --api-key\n"


def test_after_login_other_commands_use_what_was_kept(tmp_path: Path) -> None:
    server = FakeServer().on("GET /workspaces", TWO)
    terminal = Terminal(server=server, environ={}, home=tmp_path, folder=tmp_path)
    terminal.run("login", "--api-key", "ancla_0123456789", "--server", "http://ancla.test")
    shown = terminal.run("whoami")
    assert shown.out == "server      http://ancla.test\nkey         …6789 (global file)\nworkspaces  acme, beta\n"
    assert str(server.requests[1].url) == "http://ancla.test/api/v1/workspaces"
    assert server.requests[1].headers["user-agent"].startswith("ancla-cli/")


def test_whoami_never_shows_the_key() -> None:
    shown = Terminal(server=FakeServer().on("GET /workspaces", TWO)).run("whoami", "--json")
    assert shown.json == {
        "server": "http://ancla.test",
        "api_key": "…1234",
        "key_from": "environment",
        "workspaces": ["acme", "beta"],
    }


def test_without_a_key_nothing_is_called(tmp_path: Path) -> None:
    server = FakeServer()
    shown = Terminal(server=server, environ={}, home=tmp_path, folder=tmp_path).run("workspaces", "list")
    assert (shown.code, server.calls) == (1, [])
    assert shown.err == (
        "error: there is no API key for http://127.0.0.1:8700 (not_logged_in)\nhint: run 'ancla login', or set ANCLA_API_KEY\n"
    )


def test_a_flag_beats_the_environment_which_beats_the_files() -> None:
    layers = {
        "environ": {"ANCLA_SERVER": "http://env", "ANCLA_API_KEY": "env"},
        "local": {"server": "http://local", "api_key": "local"},
        "stored": {"server": "http://global", "api_key": "global"},
    }
    access = resolve_access(server="http://flag", api_key="flag", **layers)
    assert (access.server, access.api_key, access.key_from) == ("http://flag", "flag", "flag")
    access = resolve_access(server="", api_key="", **layers)
    assert (access.server, access.api_key, access.key_from) == ("http://env", "env", "environment")
    access = resolve_access(server="", api_key="", **{**layers, "environ": {}})
    assert (access.server, access.api_key, access.key_from) == ("http://local", "local", "local file")
    access = resolve_access(server="", api_key="", **{**layers, "environ": {}, "local": {}})
    assert (access.server, access.api_key, access.key_from) == ("http://global", "global", "global file")


@pytest.mark.parametrize("environ", [{"ANCLA_API_KEY": "env"}, {}])
def test_a_server_that_a_folder_names_gets_no_key_from_elsewhere(environ: dict[str, str]) -> None:
    with pytest.raises(CommandError) as caught:
        resolve_access(server="", api_key="", environ=environ, local={"server": "http://evil"}, stored={"api_key": "global"})
    assert caught.value.problem.code == "server_not_trusted"


def test_a_folder_may_name_the_server_that_the_person_is_logged_in_to() -> None:
    stored = {"server": "http://ancla.test", "api_key": "global"}
    access = resolve_access(server="", api_key="", environ={}, local={"server": "http://ancla.test/"}, stored=stored)
    assert access.api_key == "global"


def test_the_nearest_file_above_counts_and_the_persons_own_is_not_a_folders(tmp_path: Path) -> None:
    deep = tmp_path / "a/b"
    deep.mkdir(parents=True)
    write(global_file(tmp_path), {"server": "http://global"})
    assert local_file(deep, tmp_path) is None
    write(tmp_path / "a/.ancla/config.yaml", {"server": "http://a"})
    assert read(local_file(deep, tmp_path)) == {"server": "http://a"}


def test_flat_yaml_is_read_as_people_write_it() -> None:
    text = "# mine\n---\nserver: http://ancla.test:8700  # here\napi_key: 'it''s'\nname: \"a \\\"b\\\"\" # x\nempty:\n\n"
    assert parse(text, "f") == {"server": "http://ancla.test:8700", "api_key": "it's", "name": 'a "b"', "empty": ""}


@pytest.mark.parametrize("line", ["- a", "server", "  nested: x", 'a: "open', "a: 'open", 'a: "x" y'])
def test_any_other_yaml_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(CommandError, match="f line 2"):
        parse(f"a: b\n{line}\n", "f")


def test_a_file_that_cannot_be_read_is_told_and_what_to_do(tmp_path: Path) -> None:
    global_file(tmp_path).parent.mkdir()
    global_file(tmp_path).write_bytes(b"\xff\xfe")
    shown = Terminal(environ={}, home=tmp_path, folder=tmp_path).run("whoami")
    assert shown.code == 1
    assert "hint: correct the file, or remove it and run 'ancla login'" in shown.err
