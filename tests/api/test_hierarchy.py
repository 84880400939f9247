"""Workspaces, projects, environments and services over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain import keys
from chalicelib.domain.people import Role
from chalicelib.ports.store import all_of
from tests.api.client import MISSING, Answer, Api
from tests.world import World

WORKSPACE = "/workspaces/acme"
PROJECT = f"{WORKSPACE}/projects/shop"
ENVIRONMENT = f"{PROJECT}/envs/production"
SERVICE = f"{ENVIRONMENT}/services/web"
RECORDS = (WORKSPACE, PROJECT, ENVIRONMENT, SERVICE)


def nulls(value: Any) -> bool:
    if isinstance(value, dict):
        return any(nulls(item) for item in value.values())
    return any(nulls(item) for item in value) if isinstance(value, list) else value is None


def test_who_creates_a_workspace_is_its_admin(world: World) -> None:
    api = Api(world)
    made = api.post("/workspaces/", {"name": "Ada's workspace", "personal": True})
    assert made.status == 201
    assert made.json["slug"] == "adas-workspace"
    assert "members" not in made.json
    members = api.get("/workspaces/adas-workspace").json["members"]
    assert [(m["username"], m["email"], m["admin"]) for m in members] == [("ada", "ada@example.com", True)]


def test_a_list_holds_the_callers_workspaces_alone_and_at_once(world: World) -> None:
    api, other = Api(world), Api(world, key=world.make_key(world.make_user("max")))
    api.post("/workspaces", {"name": "One"})
    other.post("/workspaces", {"name": "Two"})
    assert [workspace["slug"] for workspace in api.get("/workspaces/").json] == ["one"]


def test_counts_tell_what_is_in_a_workspace(world: World) -> None:
    world.make_service("web")
    world.make_service("api", environment="acme/shop/staging")
    api = Api(world)
    workspace = api.get(WORKSPACE).json
    assert (workspace["member_count"], workspace["project_count"], workspace["service_count"]) == (1, 1, 2)
    assert api.get(PROJECT).json["service_count"] == 2
    counts = {env["slug"]: env["service_count"] for env in api.get(f"{PROJECT}/envs/").json}
    assert counts == {"production": 1, "staging": 1, "development": 0}


def test_a_project_comes_with_three_environments(world: World) -> None:
    world.make_workspace()
    api = Api(world)
    made = api.post(f"{WORKSPACE}/projects/", {"name": "Shop", "slug": ""})
    assert (made.status, made.json["workspace_slug"]) == (201, "acme")
    assert {env["slug"] for env in api.get(f"{PROJECT}/envs").json} == {"production", "staging", "development"}


def test_an_environment_that_came_by_itself_can_be_created_once(world: World) -> None:
    world.make_workspace()
    world.make_project()
    api = Api(world)
    before = {env["slug"]: env["id"] for env in api.get(f"{PROJECT}/envs").json}
    first, second = (api.post(f"{PROJECT}/envs/", {"name": "staging"}) for _ in range(2))
    assert (first.status, first.json["id"], first.json["name"]) == (201, before["staging"], "staging")
    assert (second.status, second.code) == (409, "slug_taken")


@pytest.mark.parametrize(("path", "name"), [("/workspaces", "acme"), (f"{WORKSPACE}/projects", "shop"), (f"{ENVIRONMENT}/services", "web")])
def test_a_name_that_is_taken_is_a_conflict_and_gets_no_suffix(world: World, path: str, name: str) -> None:
    world.make_service()
    answer = Api(world).post(path, {"name": name})
    assert (answer.status, answer.code) == (409, "slug_taken")


@pytest.mark.parametrize("path", RECORDS)
def test_a_rename_never_changes_slug_or_id(world: World, path: str) -> None:
    world.make_service()
    api = Api(world)
    before = api.get(path).json
    after = api.patch(path, {"name": "Something Else"})
    assert (after.status, after.json["name"]) == (200, "Something Else")
    assert (after.json["slug"], after.json["id"]) == (before["slug"], before["id"])
    assert api.get(path).json["name"] == "Something Else"


@pytest.mark.parametrize("path", RECORDS)
def test_an_id_stands_for_a_slug_in_every_part(world: World, path: str) -> None:
    world.make_service()
    api = Api(world)
    ids = {record: api.get(record).json["id"] for record in RECORDS}
    by_id = path
    for record in reversed(RECORDS):
        if path.startswith(record):
            by_id = f"{record.rsplit('/', 1)[0]}/{ids[record]}{by_id[len(record) :]}"
    assert api.get(by_id).json == api.get(path).json


def test_an_id_from_elsewhere_is_not_found(world: World) -> None:
    world.make_service()
    other = world.make_service("web", environment="acme/blog/production")
    api = Api(world)
    assert api.get(f"{ENVIRONMENT}/services/{other.id}").status == 404
    assert api.get(f"{ENVIRONMENT}/services/{MISSING}").status == 404


@pytest.mark.parametrize("path", RECORDS)
def test_a_change_may_name_the_version_that_it_rests_on(world: World, path: str) -> None:
    world.make_service()
    api = Api(world)
    tag = api.get(path).headers["etag"]
    changed = api.patch(path, {"name": "New"}, headers={"If-Match": tag})
    assert (changed.status, changed.headers["etag"]) == (200, api.get(path).headers["etag"])
    for stale in (tag, '"x"'):
        refused = api.patch(path, {"name": "Newer"}, headers={"If-Match": stale})
        assert (refused.status, refused.code) == (412, "version_mismatch")
    assert api.delete(path, headers={"If-Match": tag}).status == 412
    assert api.patch(path, {"name": "Newest"}, headers={"If-Match": "*"}).status == 200


@pytest.mark.parametrize("path", [*RECORDS, "/workspaces", f"{WORKSPACE}/projects", f"{PROJECT}/envs", f"{ENVIRONMENT}/services"])
def test_nothing_that_clients_read_is_null(world: World, path: str) -> None:
    world.make_service()
    assert not nulls(Api(world).get(path).json)


def test_a_workspace_with_projects_is_not_deleted(world: World) -> None:
    world.make_service()
    answer = Api(world).delete(WORKSPACE)
    assert (answer.status, answer.code) == (409, "workspace_not_empty")
    assert "projects" in answer.json["hint"]


def test_a_deleted_workspace_leaves_nothing_to_whoever_takes_its_slug(world: World) -> None:
    world.make_workspace()
    viewer = world.make_user("vera")
    world.join(viewer, "acme", Role.VIEWER)
    api, next_one = Api(world), Api(world, key=world.make_key(world.make_user("max")))
    api.post(f"{WORKSPACE}/config", {"name": "TOKEN", "value": "hunter2", "secret": True})
    api.post(f"{WORKSPACE}/teams", {"name": "Core"})
    api.post(f"{WORKSPACE}/teams/core/config", {"name": "A", "value": "1"})
    assert api.delete(WORKSPACE).status == 204
    assert world.engines.vault.entries == {}
    assert next_one.post("/workspaces", {"name": "acme"}).status == 201
    assert (api.get(WORKSPACE).status, Api(world, key=world.make_key(viewer)).get(WORKSPACE).status) == (404, 404)
    assert next_one.get(f"{WORKSPACE}/config").json == []
    assert next_one.get(f"{WORKSPACE}/teams").json == []


@pytest.mark.parametrize(("path", "below"), [(PROJECT, f"{PROJECT}/envs"), (ENVIRONMENT, f"{ENVIRONMENT}/services")])
def test_nothing_is_created_in_what_is_being_deleted(world: World, path: str, below: str) -> None:
    world.make_service()
    api = Api(world)
    assert api.delete(path).status == 204
    assert api.get(path).json["closing"] is True
    answer = api.post(below, {"name": "late"})
    assert (answer.status, answer.code.endswith("_closing")) == (409, True)
    assert api.delete(path).status == 204


def test_a_service_that_is_being_deleted_takes_no_more_changes(world: World) -> None:
    world.make_service()
    api = Api(world)
    assert api.delete(SERVICE).status == 204
    late: list[Answer] = [
        api.patch(SERVICE, {"name": "x"}),
        api.post(f"{SERVICE}/scale", {"process_counts": {"web": 1}}),
        api.post(f"{SERVICE}/config", {"name": "A", "value": "1"}),
    ]
    assert [(answer.status, answer.code) for answer in late] == [(409, "service_closing")] * 3
    assert api.delete(SERVICE).status == 204


def test_what_was_done_is_in_the_trail_of_the_record(world: World) -> None:
    service = world.make_service()
    Api(world).patch(SERVICE, {"health_check_path": "/ok"})
    trail = all_of(world.ports.store, *keys.audit_trail(service.id))
    assert [(entry.action, entry.by) for entry in trail] == [("create", "ada"), ("change", "ada")]
    assert trail[1].detail == {"fields": "health_check_path"}
