"""Transcripts of `ancla members`, `teams` and `keys`."""

from __future__ import annotations

import pytest

from tests.cli.terminal import Terminal
from tests.sdk.fake_server import FakeServer, answer

MEMBERS = "/workspaces/acme/members"
MARIA = {"user_id": "u2", "username": "maria", "role": "viewer", "created": "2026-03-01T12:00:00Z"}
KEY_TEXT = "ancla_the-text-of-the-key"


def test_members_are_a_table_with_their_roles() -> None:
    shown = Terminal(server=FakeServer().on(f"GET {MEMBERS}", answer([MARIA]))).run("members", "list", "acme")
    assert shown.out == "USERNAME  ROLE    EMAIL  SINCE\nmaria     viewer  -      2026-03-01 12:00:00Z\n"


def test_a_new_member_is_a_member_unless_a_role_is_named() -> None:
    server = FakeServer().on(f"POST {MEMBERS}", answer({**MARIA, "role": "member"}, 201))
    assert Terminal(server=server).run("members", "add", "acme", "maria").out == "added maria to acme as member\n"
    assert server.body() == {"username": "maria", "role": "member"}


def test_a_role_is_changed() -> None:
    server = FakeServer().on(f"PATCH {MEMBERS}/maria", answer({**MARIA, "role": "admin"}))
    assert Terminal(server=server).run("members", "update", "acme", "maria", "--role", "admin").out == "maria is admin of acme now\n"
    assert server.body() == {"role": "admin"}


def test_a_role_that_is_none_is_wrong_usage() -> None:
    server = FakeServer()
    assert Terminal(server=server).run("members", "update", "acme", "maria", "--role", "owner").code == 2
    assert server.calls == []


@pytest.mark.parametrize(
    ("arguments", "route", "said"),
    [
        (["members", "remove", "acme", "maria"], f"DELETE {MEMBERS}/maria", "removed maria from acme\n"),
        (["keys", "revoke", "k1"], "POST /keys/k1/revoke", "revoked key k1\n"),
        (["keys", "delete", "k1"], "DELETE /keys/k1", "deleted key k1\n"),
    ],
)
def test_what_takes_access_away_asks_first(arguments: list[str], route: str, said: str) -> None:
    server = FakeServer().on(route, answer(status=204))
    assert Terminal(server=server, interactive=True, stdin="n\n").run(*arguments).code == 1
    assert server.calls == []
    assert Terminal(server=server).run(*arguments, "--yes").out == said


def test_a_team_is_named_by_its_slug() -> None:
    server = FakeServer().on("POST /workspaces/acme/teams", answer({"slug": "core", "name": "Core"}, 201))
    assert Terminal(server=server).run("teams", "create", "acme", "Core").out == "created team core\n"


def test_keys_are_a_table_without_their_text() -> None:
    key = {"key_id": "k1", "name": "ci", "scopes": ["deploy", "view"], "is_active": True, "expires_at": None, "last_used_at": None}
    shown = Terminal(server=FakeServer().on("GET /keys", answer({"items": [key], "total": 1}))).run("keys", "list")
    assert shown.out == "KEY ID  NAME  ACTIVE  GOOD FOR      EXPIRES  LAST USED\nk1      ci    yes     deploy, view  -        -\n"


def test_a_new_key_is_all_that_stdout_holds() -> None:
    server = FakeServer().on("POST /keys", answer({"key_id": "k1", "key": KEY_TEXT, "name": "ci"}, 201))
    shown = Terminal(server=server).run("keys", "create", "ci", "--scope", "deploy", "--expires", "2030-01-31")
    assert (shown.out, shown.err) == (f"{KEY_TEXT}\n", "hint: keep it now: it is shown this once\n")
    assert server.body() == {"name": "ci", "scopes": ["deploy"], "expires_at": "2030-01-31T00:00:00Z"}


def test_a_key_whose_text_was_lost_on_the_way_is_no_success() -> None:
    shown = Terminal(server=FakeServer().on("POST /keys", answer({"key_id": "k1", "name": "ci"}, 201))).run("keys", "create", "ci")
    assert (shown.code, shown.out) == (1, "")
    assert "ancla keys delete k1" in shown.err
