"""Members of a workspace over HTTP."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Conflict
from chalicelib.domain.people import Role
from chalicelib.usecases import members
from chalicelib.usecases.access import Actor
from chalicelib.usecases.people import user_id_of
from tests.api.client import Api
from tests.usecases.racing import with_rival
from tests.world import World

MEMBERS = "/workspaces/acme/members"


@pytest.fixture
def api(world: World) -> Api:
    world.make_workspace()
    world.make_user("max")
    return Api(world)


@pytest.mark.parametrize(
    ("body", "role"), [({}, "member"), ({"admin": True}, "admin"), ({"role": "viewer"}, "viewer"), ({"admin": False}, "member")]
)
def test_a_user_becomes_a_member_with_a_role(world: World, api: Api, body: dict[str, object], role: str) -> None:
    made = api.post(MEMBERS, {"username": "max", **body})
    assert (made.status, made.json["role"], made.json["email"]) == (201, role, "max@example.com")
    assert {(m["username"], m["role"]) for m in api.get(MEMBERS).json} == {("ada", "admin"), ("max", role)}
    api_of_max = Api(world, key=world.make_key(max_of(world)))
    assert [workspace["slug"] for workspace in api_of_max.get("/workspaces").json] == ["acme"]


def max_of(world: World) -> Actor:
    return Actor(user_id_of("max"), "max")


def test_who_is_a_member_is_not_added_again(api: Api) -> None:
    api.post(MEMBERS, {"username": "max"})
    assert api.post(MEMBERS, {"username": "max"}).code == "member_exists"
    assert api.post(MEMBERS, {"username": "nobody"}).code == "user_not_found"


@pytest.mark.parametrize("user", ["max", user_id_of("max")])
def test_a_role_changes_and_a_member_goes(api: Api, user: str) -> None:
    api.post(MEMBERS, {"username": "max"})
    assert api.patch(f"{MEMBERS}/{user}", {"role": "viewer"}).json["role"] == "viewer"
    assert api.delete(f"{MEMBERS}/{user}").status == 204
    assert [m["username"] for m in api.get(MEMBERS).json] == ["ada"]
    assert api.delete(f"{MEMBERS}/{user}").code == "member_not_found"


def test_who_was_removed_sees_nothing_any_more(world: World, api: Api) -> None:
    api.post(MEMBERS, {"username": "max"})
    theirs = Api(world, key=world.make_key(max_of(world)))
    assert theirs.get("/workspaces/acme").status == 200
    api.delete(f"{MEMBERS}/max")
    assert (theirs.get("/workspaces/acme").status, theirs.get("/workspaces").json) == (404, [])


def test_the_last_admin_stays(api: Api) -> None:
    api.post(MEMBERS, {"username": "max"})
    for answer in (api.delete(f"{MEMBERS}/ada"), api.patch(f"{MEMBERS}/ada", {"role": "member"})):
        assert (answer.status, answer.code) == (409, "last_admin")


def test_of_two_admins_who_remove_each_other_at_once_one_stays(world: World, api: Api) -> None:
    api.post(MEMBERS, {"username": "max", "role": "admin"})
    rival = with_rival(world.ports, lambda: members.remove_member(world.ports, max_of(world), "acme", "ada"))
    with pytest.raises(Conflict):
        members.remove_member(rival, world.ada, "acme", "max")
    assert [(m.username, m.role) for m in members.list_members(world.ports, "acme")] == [("max", Role.ADMIN)]
