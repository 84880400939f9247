"""Every route, by who calls it."""

from __future__ import annotations

import pytest

from chalicelib.api.routes import Route
from chalicelib.api.surface import ROUTES
from chalicelib.domain.people import Role
from chalicelib.domain.policy import Action
from tests.api.client import Api
from tests.world import World

PARTS = {"ws": "acme", "proj": "shop", "env": "production", "svc": "web"}
CLOSED = [route for route in ROUTES if route.action is not Action.PUBLIC]
IN_WORKSPACE = [route for route in ROUTES if "ws" in route.parameters]


def path_of(route: Route) -> str:
    path = route.path
    for name in route.parameters:
        path = path.replace(f"{{{name}}}", PARTS.get(name, "none"))
    return path


def name_of(route: Route) -> str:
    return f"{route.method} {route.operation}"


@pytest.mark.parametrize("route", CLOSED, ids=name_of)
def test_no_route_answers_without_a_key(world: World, route: Route) -> None:
    answer = Api(world, key=None, routes=[route]).call(route.method, path_of(route))
    assert (answer.status, answer.code) == (401, "key_missing")


@pytest.mark.parametrize("route", IN_WORKSPACE, ids=name_of)
def test_who_is_no_member_finds_nothing_there(world: World, route: Route) -> None:
    world.make_service()
    stranger = world.make_key(world.make_user("mallory"))
    api = Api(world, key=stranger, routes=[route])
    answer = api.call(route.method, path_of(route))
    there_is_none = api.call(route.method, path_of(route).replace("acme", "nowhere"))
    assert (answer.status, answer.code) == (404, "workspace_not_found")
    assert answer.json["message"].replace("acme", "nowhere") == there_is_none.json["message"]


@pytest.mark.parametrize("route", [r for r in IN_WORKSPACE if r.mutates], ids=name_of)
def test_a_viewer_may_change_nothing(world: World, route: Route) -> None:
    world.make_service()
    viewer = world.make_user("vera")
    world.join(viewer, "acme", Role.VIEWER)
    answer = Api(world, key=world.make_key(viewer), routes=[route]).call(route.method, path_of(route))
    assert (answer.status, answer.code) == (403, "role_insufficient")


@pytest.mark.parametrize("route", [r for r in ROUTES if r.mutates and r.action is not Action.PUBLIC], ids=name_of)
def test_a_key_for_viewing_changes_nothing_even_for_an_admin(world: World, route: Route) -> None:
    world.make_service()
    key = world.make_key(world.ada, scopes=("view",))
    answer = Api(world, key=key, routes=[route]).call(route.method, path_of(route))
    assert (answer.status, answer.code) == (403, "key_scope_insufficient")


def test_a_member_may_do_all_but_manage_the_workspace(world: World) -> None:
    world.make_workspace()
    member = world.make_user("max")
    world.join(member, "acme", Role.MEMBER)
    api = Api(world, key=world.make_key(member))
    assert api.get("/workspaces/acme").status == 200
    assert api.post("/workspaces/acme/projects", {"name": "Blog"}).status == 201
    assert api.patch("/workspaces/acme", {"name": "Mine"}).status == 403
