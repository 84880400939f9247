"""Bad input, at every route that takes some."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.api.routes import MIB, Route
from chalicelib.api.surface import ROUTES
from chalicelib.domain.policy import Action
from tests.api.client import Api
from tests.api.test_policy import name_of, path_of
from tests.world import World

READS = [route for route in ROUTES if route.body is not None and route.action is not Action.PUBLIC]
BULK = "/workspaces/acme/config/bulk"


@pytest.mark.parametrize("route", READS, ids=name_of)
@pytest.mark.parametrize("raw", [b"{", b"\xff", b"nul", b'"text"', b"3", b'{"name": "\\ud800"}', b"[" * 10_000])
def test_what_is_no_json_object_is_malformed(world: World, route: Route, raw: bytes) -> None:
    world.make_service()
    answer = Api(world, routes=[route]).call(route.method, path_of(route), raw=raw)
    assert (answer.status, answer.code) == (400, "malformed")


@pytest.mark.parametrize("route", READS, ids=name_of)
def test_an_unknown_field_is_named(world: World, route: Route) -> None:
    world.make_service()
    answer = Api(world, routes=[route]).call(route.method, path_of(route), {"nmae": "x"})
    assert answer.status == 422
    assert answer.json["extra"]


@pytest.mark.parametrize("route", READS, ids=name_of)
def test_an_unknown_field_with_a_name_of_any_length_is_named_by_its_beginning(world: World, route: Route) -> None:
    world.make_service()
    answer = Api(world, routes=[route]).call(route.method, path_of(route), {"x" * 20_000: "x"})
    assert answer.status == 422
    assert "x" * 100 in answer.text
    assert len(answer.text) < 2_000


@pytest.mark.parametrize("route", READS, ids=name_of)
def test_another_content_type_is_refused_in_our_shape(world: World, route: Route) -> None:
    world.make_service()
    answer = Api(world, routes=[route]).call(route.method, path_of(route), raw=b"name=x", headers={"Content-Type": "text/plain"})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize("route", [r for r in READS if r.max_body == MIB], ids=name_of)
def test_a_body_beyond_its_limit_is_refused(world: World, route: Route) -> None:
    world.make_service()
    answer = Api(world, routes=[route]).call(route.method, path_of(route), raw=b" " * (MIB + 1))
    assert (answer.status, answer.code) == (413, "too_large")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": 3}, "name"),
        ({"name": None}, "name"),
        ({"name": "x", "slug": 1}, "slug"),
        ({"name": "x", "slgu": "x"}, "slgu"),
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "…"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "x", "slug": "-x"}, "slug"),
        ({"name": "settings"}, "name"),
        ({"name": "a\u0000b"}, "name"),
    ],
)
def test_the_field_that_is_wrong_is_named(world: World, body: Any, field: str) -> None:
    world.make_workspace()
    answer = Api(world).post("/workspaces/acme/projects", body)
    assert answer.status == 422
    assert list(answer.json["extra"]) == [field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"process_counts": {"web": -1}}, "process_counts.web"),
        ({"process_counts": {"web": 101}}, "process_counts.web"),
        ({"process_counts": {"web": 1.0}}, "process_counts[...]"),
        ({"process_counts": {"Web": 1}}, "process_counts"),
        ({"process_counts": {"release": 1}}, "process_counts"),
        ({"process_counts": {}}, "process_counts"),
    ],
)
def test_counts_are_checked(world: World, body: Any, field: str) -> None:
    world.make_service()
    answer = Api(world).post("/workspaces/acme/projects/shop/envs/production/services/web/scale", body)
    assert answer.status == 422
    assert list(answer.json["extra"]) == [field]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("repository", "ext::sh -c id"),
        ("repository", "--upload-pack=x"),
        ("github_repository", "owner"),
        ("branch", "--help"),
        ("auto_deploy_branch", "a..b"),
        ("build_strategy", "magic"),
        ("health_check_path", "health"),
        ("health_check_path", "/" + "x" * 200),
        ("health_check_path", "/a b"),
        ("deployment_timeout", 0),
        ("deployment_timeout", 1801),
        ("platform", "x" * 101),
    ],
)
def test_a_services_fields_are_checked(world: World, field: str, value: Any) -> None:
    world.make_service()
    answer = Api(world).patch("/workspaces/acme/projects/shop/envs/production/services/web", {field: value})
    assert answer.status == 422
    assert len(answer.json["extra"]) == 1


@pytest.mark.parametrize("name", ["", "1A", "A-B", "PORT", "A B", "x" * 256, "00000000-0000-4000-8000-000000000000"])
def test_a_variables_name_is_checked(world: World, name: str) -> None:
    world.make_workspace()
    assert Api(world).post("/workspaces/acme/config", {"name": name, "value": "x"}).status == 422


@pytest.mark.parametrize("value", ["a\u0000b", "x" * (64 * 1024 + 1)])
def test_a_variables_value_is_checked_and_not_shown_in_the_error(world: World, value: str) -> None:
    world.make_workspace()
    answer = Api(world).post("/workspaces/acme/config", {"name": "A", "value": value})
    assert answer.status == 422
    assert "xxxx" not in answer.text


@pytest.mark.parametrize("body", [{}, {"raw": "A=1", "vars": []}, {"raw": 1}, {"vars": [{"name": "A"}]}, {"variables": {"A": 1}}])
def test_an_import_takes_one_list_of_whole_variables(world: World, body: Any) -> None:
    world.make_workspace()
    assert Api(world).post(BULK, body).status == 422


def test_a_query_is_checked(world: World) -> None:
    api = Api(world)
    assert api.get("/api/keys?limit=0").status == 422
    assert api.get("/api/keys?limit=x").status == 422
    assert api.get("/api/keys?limit=1&offset=0").json["limit"] == 1
