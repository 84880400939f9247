"""The first start of an installation."""

from __future__ import annotations

from chalicelib.usecases.access import authenticate
from chalicelib.usecases.bootstrap import ensure_admin, new_admin_key
from tests.usecases.racing import with_rival
from tests.world import World


def test_the_first_start_makes_an_admin_with_a_key(world: World) -> None:
    key = ensure_admin(world.ports)
    assert key is not None
    assert authenticate(world.ports, key).actor.username == "admin"


def test_a_later_start_makes_nothing(world: World) -> None:
    ensure_admin(world.ports)
    assert ensure_admin(world.ports) is None


def test_of_two_first_starts_one_has_the_key(world: World) -> None:
    keys: list[str | None] = []
    racing = with_rival(world.ports, lambda: keys.append(ensure_admin(world.ports)))
    keys.append(ensure_admin(racing))
    assert [key is not None for key in keys] == [True, False]


def test_a_lost_key_can_be_replaced_by_a_new_one(world: World) -> None:
    first = ensure_admin(world.ports)
    second = new_admin_key(world.ports)
    assert first is not None and first != second
    for key in (first, second):
        assert authenticate(world.ports, key).actor.username == "admin"
