"""Fields and counts of a service over HTTP."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain import keys
from chalicelib.domain.builds import Build, BuildState, Image
from chalicelib.domain.deploys import Running
from chalicelib.domain.lanes import Lane
from chalicelib.ports.store import Put, get_one
from tests.api.client import Api
from tests.world import World

SERVICES = "/workspaces/acme/projects/shop/envs/production/services"
SERVICE = f"{SERVICES}/web"


@pytest.fixture
def api(world: World) -> Api:
    world.make_service()
    return Api(world)


def test_a_new_service_has_empty_fields_and_the_documented_defaults(api: Api) -> None:
    made = api.post(f"{SERVICES}/", {"name": "Api", "platform": "wind"})
    assert made.status == 201
    view = made.json
    assert (view["platform"], view["build_strategy"], view["health_check_path"], view["deployment_timeout"]) == (
        "wind",
        "dockerfile",
        "/_health/",
        180,
    )
    for unset in ("repository", "github_repository", "branch", "auto_deploy_branch", "team", "image"):
        assert view[unset] == ""
    assert view["process_counts"] == {}
    assert view["url"] == "http://api-production-shop-acme.localhost:8701"


def test_the_short_form_names_a_repository_on_github(api: Api) -> None:
    view = api.patch(SERVICE, {"github_repository": "owner/repo"}).json
    assert (view["github_repository"], view["repository"]) == ("owner/repo", "https://github.com/owner/repo.git")


def test_the_last_source_that_was_set_counts(api: Api) -> None:
    api.patch(SERVICE, {"github_repository": "owner/repo", "branch": "main"})
    view = api.patch(SERVICE, {"repository": "https://git.example.com/x.git"}).json
    assert (view["github_repository"], view["repository"], view["branch"]) == ("", "https://git.example.com/x.git", "main")
    view = api.patch(SERVICE, {"image": "registry.example.com/x@sha256:" + "0" * 64}).json
    assert (view["image"][:8], view["repository"]) == ("registry", "")
    view = api.patch(SERVICE, {"github_repository": ""}).json
    assert (view["image"], view["repository"], view["github_repository"]) == ("", "", "")


def test_an_image_and_a_repository_at_once_are_refused(api: Api) -> None:
    assert api.patch(SERVICE, {"image": "x", "repository": "https://git.example.com/x.git"}).code == "image_invalid"


def test_fields_that_are_left_out_stay(api: Api) -> None:
    api.patch(SERVICE, {"auto_deploy_branch": "main", "deployment_timeout": 60, "health_check_path": "/ok"})
    view = api.patch(SERVICE, {"name": "Web 2"}).json
    assert (view["auto_deploy_branch"], view["deployment_timeout"], view["health_check_path"]) == ("main", 60, "/ok")


def test_a_team_must_be_there_to_own_a_service(api: Api) -> None:
    assert api.patch(SERVICE, {"team": "core"}).code == "team_not_found"
    api.post("/workspaces/acme/teams", {"name": "Core"})
    assert api.patch(SERVICE, {"team": "core"}).json["team"] == "core"
    assert api.patch(SERVICE, {"team": ""}).json["team"] == ""


def test_scaling_merges_and_begins_a_run(world: World, api: Api) -> None:
    assert api.post(f"{SERVICE}/scale", {"process_counts": {"web": 2}}).json["process_counts"] == {"web": 2}
    assert api.post(f"{SERVICE}/scale", {"process_counts": {"worker": 0}}).json["process_counts"] == {"web": 2, "worker": 0}
    lane = get_one(world.ports.store, keys.lane(api.get(SERVICE).json["id"]))
    assert lane is not None
    assert lane.intent == 2


def test_after_a_build_only_its_processes_can_be_scaled(world: World, api: Api) -> None:
    service_id = api.get(SERVICE).json["id"]
    now = world.clock.now()
    image = Image(repository="r", digest="sha256:0", processes={"web": "run", "release": "migrate"})
    built = Build(
        service_id=service_id, number=1, id=world.clock.new_id(), state=BuildState.SUCCEEDED, image=image, created=now, updated=now
    )
    failed = replace(built, number=2, id=world.clock.new_id(), state=BuildState.FAILED, image=None)
    world.ports.store.commit([Put(built), Put(failed)])
    refused = api.post(f"{SERVICE}/scale", {"process_counts": {"worker": 1}})
    assert (refused.status, refused.code, refused.json["hint"]) == (422, "process_unknown", "its processes are web")
    assert api.post(f"{SERVICE}/scale", {"process_counts": {"web": 1}}).status == 200


def test_a_deployed_service_lists_its_processes(world: World, api: Api) -> None:
    running = Running(deploy=3, deploy_id="d", snapshot="s", build=4, run=5, counts={"web": 1, "worker": 2})
    service_id = api.get(SERVICE).json["id"]
    world.ports.store.commit([Put(Lane(service_id=service_id, active=running, pinned_by=2, builds=4, deploys=3))])
    view = api.get(SERVICE).json
    assert view["process_counts"] == {"web": 1, "worker": 1}
    assert (view["pinned"], view["active_deploy"], view["latest_build"], view["latest_deploy"]) == (True, 3, 4, 3)
    assert api.get(f"{SERVICES}/").json == [view]
