"""API keys over HTTP."""

from __future__ import annotations

import pytest

from tests.api.client import MISSING, Api
from tests.world import World


@pytest.mark.parametrize("base", ["/api/keys", "/api/v1/keys"])
def test_a_key_is_shown_once_and_works(world: World, base: str) -> None:
    api = Api(world)
    made = api.post(base, {"name": "ci", "metadata": {"client": "cli"}, "prefix": None, "expires_at": None})
    assert made.status == 201
    assert Api(world, key=made.json["key"]).get("/workspaces/").status == 200
    shown = api.get(f"{base}/{made.json['key_id']}")
    assert (shown.json["name"], shown.json["is_active"], shown.json["metadata"]) == ("ci", True, {"client": "cli"})
    assert made.json["key"] not in api.get(base).text + shown.text


def test_a_revoked_key_is_refused_at_once_and_stays_listed(world: World) -> None:
    api = Api(world)
    made = api.post("/api/keys", {"name": "ci"}).json
    for _ in range(2):
        assert api.post(f"/api/keys/{made['key_id']}/revoke").status == 204
    assert Api(world, key=made["key"]).get("/workspaces/").code == "key_invalid"
    assert api.get(f"/api/keys/{made['key_id']}").json["is_active"] is False


def test_a_deleted_key_is_refused_and_gone(world: World) -> None:
    api = Api(world)
    made = api.post("/api/keys", {"name": "ci"}).json
    assert api.delete(f"/api/keys/{made['key_id']}").status == 204
    assert Api(world, key=made["key"]).get("/workspaces/").status == 401
    assert api.get(f"/api/keys/{made['key_id']}").code == "key_not_found"


def test_a_key_runs_out(world: World) -> None:
    made = Api(world).post("/api/keys", {"name": "ci", "expires_at": "2025-01-01T01:00:00Z"}).json
    api = Api(world, key=made["key"])
    assert api.get("/workspaces/").status == 200
    world.clock.passes(hours=1)
    assert api.get("/workspaces/").status == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "expires_at": "2024-12-31T00:00:00Z"},
        {"name": "x", "expires_at": "2026-01-01T00:00:00"},
        {"name": "x", "scopes": ["everything"]},
        {"name": "x", "scopes": ["signed_in"]},
        {"name": "x", "metadata": {"a": "b" * 201}},
        {"name": ""},
    ],
)
def test_what_a_key_cannot_be_is_refused(world: World, body: dict[str, object]) -> None:
    assert Api(world).post("/api/keys", body).status == 422


def test_a_limited_key_cannot_make_an_unlimited_one(world: World) -> None:
    limited = Api(world, key=world.make_key(world.ada, scopes=("view", "deploy")))
    assert limited.post("/api/keys", {"name": "more"}).code == "key_scope_insufficient"
    assert limited.get("/workspaces/").status == 200


def test_the_keys_of_others_cannot_be_seen_or_revoked(world: World) -> None:
    made = Api(world).post("/api/keys", {"name": "ci"}).json
    other = Api(world, key=world.make_key(world.make_user("max")))
    assert [key["name"] for key in other.get("/api/keys").json["items"]] == ["test", "first key"]
    for answer in (other.post(f"/api/keys/{made['key_id']}/revoke"), other.delete(f"/api/keys/{made['key_id']}")):
        assert answer.status == 404


def test_keys_are_listed_newest_first_and_in_parts(world: World) -> None:
    api = Api(world)
    for name in ("one", "two"):
        world.clock.passes(seconds=1)
        api.post("/api/keys", {"name": name})
    page = api.get("/api/keys?limit=2&offset=1").json
    assert ([key["name"] for key in page["items"]], page["total"]) == (["one", "first key"], 3)
    assert api.get(f"/api/keys/{MISSING}").status == 404


@pytest.mark.parametrize(("key", "code"), [("", "key_missing"), ("ancla_x", "key_malformed"), ("Bearer y", "key_malformed")])
def test_what_is_no_key_is_refused_with_what_to_do(world: World, key: str, code: str) -> None:
    answer = Api(world, key=None).get("/workspaces/", headers={"X-API-Key": key})
    assert (answer.status, answer.code) == (401, code)


def test_the_name_of_the_header_may_be_written_in_any_case(world: World) -> None:
    assert Api(world, key=None).get("/workspaces/", headers={"x-api-KEY": world.ada_key}).status == 200


def test_use_is_noted_by_the_hour(world: World) -> None:
    api = Api(world)
    api.get("/workspaces/")
    world.clock.passes(minutes=59)
    api.get("/workspaces/")
    assert api.get("/api/keys").json["items"][0]["last_used_at"] == "2025-01-01T00:00:00Z"
    world.clock.passes(minutes=1)
    assert api.get("/api/keys").json["items"][0]["last_used_at"] == "2025-01-01T01:00:00Z"
