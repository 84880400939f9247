"""The command that adds users."""

from __future__ import annotations

import pytest

import users
from chalicelib.usecases.access import authenticate
from tests.world import World


def test_a_user_is_added_and_the_key_is_all_that_stdout_holds(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert users.main(["grace", "grace@example.com"], lambda: world.ports) == 0
    out, err = capsys.readouterr()
    caller = authenticate(world.ports, out.removesuffix("\n"))
    assert (caller.actor.username, caller.email) == ("grace", "grace@example.com")
    assert err.startswith("the user grace is added to ")


def test_a_name_that_is_taken_is_refused_with_a_hint(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    users.main(["grace"], lambda: world.ports)
    capsys.readouterr()
    assert users.main(["grace"], lambda: world.ports) == 1
    assert capsys.readouterr() == ("", "ancla: there is a user 'grace' already\n  choose another name\n")


@pytest.mark.parametrize("arguments", [[], ["a", "b", "c"]])
def test_wrong_usage_adds_nobody(world: World, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert users.main(arguments, lambda: world.ports) == 2
    assert capsys.readouterr() == ("", f"{users.USAGE}\n")
