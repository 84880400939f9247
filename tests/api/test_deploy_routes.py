"""Deploys, builds, status, promotion and the webhook, as the published clients call them."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from chalicelib.domain.hierarchy import Service
from chalicelib.domain.people import Role
from tests.api.client import Answer, Api
from tests.usecases.pipeline import deployed, push, run_of, settle, with_code
from tests.world import World

P = "/workspaces/acme/projects/shop"
E = f"{P}/envs/production"
S = f"{E}/services/web"
QUERY = "service=web&env=production"
UUID_LENGTH = 36


@pytest.fixture
def service(world: World) -> Service:
    return with_code(world, branch="main")


@pytest.fixture
def api(world: World) -> Api:
    return Api(world)


def no_nulls(value: Any, allowed: frozenset[str] = frozenset({"build", "deploy", "held", "failure"})) -> bool:
    if isinstance(value, dict):
        return all((inner is not None or name in allowed) and no_nulls(inner, allowed) for name, inner in value.items())
    return all(no_nulls(inner, allowed) for inner in value) if isinstance(value, list) else True


@pytest.mark.parametrize("path", [f"{S}/deploy", f"{S}/deploy/", f"{P}/pipeline/deploy?{QUERY}"])
def test_a_deploy_needs_no_body_and_answers_what_every_client_reads(service: Service, api: Api, path: str) -> None:
    answer = api.post(path)
    assert answer.status == 202
    body = answer.json
    assert (body["ok"], body["status"], body["run"], body["version"]) == (True, "accepted", 1, 1)
    assert len(body["build_id"]) == len(body["deploy_id"]) == UUID_LENGTH
    assert body["id"] == body["deploy_id"]
    assert (body["complete"], body["error"], body["error_detail"], body["job_id"]) == (False, False, "", "")
    assert body["created"] and body["updated"]
    assert no_nulls(body)


def test_config_only_answers_a_deploys_id_and_no_build(world: World, service: Service, api: Api) -> None:
    deployed(world, service)
    body = api.post(f"{S}/deploy", {"config_only": True}).json
    assert (body["build_id"], body["version"], len(body["deploy_id"])) == ("", 0, UUID_LENGTH)


def test_an_earlier_build_is_deployed_by_its_number(world: World, service: Service, api: Api) -> None:
    deployed(world, service)
    assert api.post(f"{S}/deploy", {"version": 1}).json["version"] == 1
    assert api.post(f"{S}/deploy", {"version": 9}).status == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"ref": "a..b"}, 422, "ref_invalid"),
        ({"ref": "main", "config_only": True}, 422, "deploy_ambiguous"),
        ({"config_only": True}, 409, "nothing_deployed"),
        ({"strategy": "magic"}, 422, "strategy_unknown"),
        ({"version": "1"}, 422, "invalid"),
    ],
)
def test_a_deploy_that_cannot_be_is_refused_with_a_hint(service: Service, api: Api, body: Any, status: int, code: str) -> None:
    answer = api.post(f"{S}/deploy", body)
    assert (answer.status, answer.code) == (status, code)
    assert answer.json["hint"]


def test_a_service_without_a_repository_cannot_be_deployed(world: World, api: Api) -> None:
    world.make_service("web")
    answer = api.post(f"{S}/deploy")
    assert (answer.status, answer.code) == (422, "source_missing")


def test_a_viewer_sees_and_deploys_nothing(world: World, service: Service) -> None:
    viewer = world.make_user("vera")
    world.join(viewer, "acme", Role.VIEWER)
    api = Api(world, key=world.make_key(viewer))
    assert api.get(f"{P}/pipeline/status?{QUERY}").status == 200
    for path in (f"{S}/deploy", f"{P}/pipeline/deploy?{QUERY}", f"{P}/pipeline/rollback?{QUERY}", f"{S}/pin", f"{S}/builds/trigger"):
        assert api.post(path).status == 403, path


def test_an_environment_is_deployed_whole_or_one_service_of_it(world: World, service: Service, api: Api) -> None:
    with_code(world, "worker")
    whole = api.post(f"{E}/deploy")
    assert (whole.status, [made["service"] for made in whole.json["deploys"]]) == (202, ["web", "worker"])
    assert whole.json["deploy_id"] == whole.json["deploys"][0]["deploy_id"]
    one = api.post(f"{E}/deploy?service=worker").json
    assert [made["service"] for made in one["deploys"]] == ["worker"]
    assert api.post(f"{E}/deploy?service=none").status == 404


def test_the_status_has_one_body_at_both_paths_and_takes_ids_for_slugs(service: Service, api: Api) -> None:
    assert api.get(f"{P}/pipeline/status?{QUERY}").json == {
        "build": None,
        "deploy": None,
        "run": 0,
        "active": 0,
        "pinned": False,
        "held": None,
    }
    api.post(f"{S}/deploy")
    status = api.get(f"{P}/pipeline/status?{QUERY}")
    assert status.json == api.get(f"{S}/pipeline-status").json
    assert status.json == api.get(f"{P}/pipeline/status?service={service.id}&env=production").json
    assert (status.json["build"]["status"], status.json["deploy"]) == ("pending", None)


def test_the_status_needs_both_queries(service: Service, api: Api) -> None:
    assert api.get(f"{P}/pipeline/status?service=web").status == 422
    assert api.get(f"{P}/pipeline/status?service=web&env=none").status == 404


def test_a_finished_deploy_is_a_success_in_status_history_and_lists(world: World, service: Service, api: Api) -> None:
    run = deployed(world, service)
    status = api.get(f"{P}/pipeline/status?{QUERY}").json
    assert (status["build"]["status"], status["deploy"]["status"], status["active"]) == ("success", "success", 1)
    (entry,) = api.get(f"{P}/pipeline/history?{QUERY}").json
    assert (entry["run"], entry["outcome"], entry["stage"], entry["failure"]) == (1, "succeeded", "finished", None)
    assert entry["started"].endswith("Z") and entry["finished"].endswith("Z")
    assert entry == api.get(f"{S}/runs/1").json
    assert entry["deploy_id"] == run.deploy_id
    assert no_nulls(entry)


def test_an_open_run_has_empty_times_and_no_outcome(service: Service, api: Api) -> None:
    api.post(f"{S}/deploy")
    entry = api.get(f"{S}/runs/1").json
    assert (entry["outcome"], entry["finished"], entry["stage"], entry["by"]) == ("", "", "resolve", "ada")


def test_a_failed_run_tells_code_message_hint_and_evidence(world: World, service: Service, api: Api) -> None:
    world.engines.builder.broken.add(push(world))
    api.post(f"{S}/deploy")
    settle(world)
    failure = api.get(f"{S}/runs/1").json["failure"]
    assert (failure["code"], failure["message"], failure["hint"]) == ("build_failed", "RUN ended with exit code 1", "mend it")
    assert failure["evidence"] == []


def test_lists_of_deploys_are_arrays_and_for_the_sdks_items(world: World, service: Service, api: Api) -> None:
    deployed(world, service)
    deployed(world, service)
    plain = api.get(f"{S}/deploys/").json
    assert [deploy["version"] for deploy in plain] == [2, 1]
    assert api.get(f"{S}/deploys/", headers={"User-Agent": "python-httpx/0.28"}).json == {"items": plain}
    assert api.get(f"{S}/deploys/", prefix="/compat/sdk").json == {"items": plain}
    assert [deploy["service"] for deploy in api.get(f"{E}/deploys").json] == ["web", "web"]
    assert no_nulls(plain)


def test_a_deploy_is_shown_at_every_path_that_a_client_knows(world: World, service: Service, api: Api) -> None:
    run = deployed(world, service)
    short = run.deploy_id[:8]
    shown = [api.get(path).json for path in (f"{E}/deploys/{short}", f"{S}/deploys/{run.deploy_id}", f"/deploys/{run.deploy_id}/detail")]
    assert shown[0] == shown[1] == shown[2]
    assert (shown[0]["complete"], shown[0]["active"]) == (True, True)
    logs = [api.get(path).json for path in (f"{E}/deploys/{short}/log", f"{S}/deploys/{short}/log", f"/deploys/{short}/log")]
    assert logs[0] == logs[1] == logs[2]
    assert logs[0]["status"] == "success" and logs[0]["log_text"]


def test_builds_are_paged_and_shown_by_number_and_id(world: World, service: Service, api: Api) -> None:
    answer = api.post(f"{S}/builds/trigger")
    assert answer.status == 202
    assert (answer.json["version"], len(answer.json["build_id"])) == (1, UUID_LENGTH)
    assert api.post(f"{S}/builds/", {"strategy": "dockerfile"}).json["version"] == 2
    listed = api.get(f"{S}/builds/?per_page=1").json
    assert [build["version"] for build in listed["items"]] == [2]
    assert listed["pagination"] == {"page": 1, "per_page": 1, "total": 2, "total_pages": 2}
    settle(world)
    build_id = answer.json["build_id"]
    shown = [api.get(path).json for path in (f"{S}/builds/1", f"{S}/builds/v1", f"{S}/builds/{build_id}", f"/builds/{build_id[:8]}")]
    assert shown[0] == shown[1] == shown[2] == shown[3]
    assert (shown[0]["built"], shown[0]["procfile"]) == (True, "web: python server.py\n")
    log = api.get(f"/builds/{build_id}/log").json
    assert log == api.get(f"{S}/builds/1/log").json
    assert {"id", "version", "built", "error", "created", "status", "log_text"} <= set(log)
    assert log["status"] == "success"
    assert no_nulls(shown[0])


@pytest.mark.parametrize("path", ["/builds/{build}", "/builds/{build}/log", "/deploys/{deploy}/detail", "/deploys/{deploy}/log"])
def test_who_is_no_member_finds_nothing_by_an_id(world: World, service: Service, path: str) -> None:
    run = deployed(world, service)
    stranger = Api(world, key=world.make_key(world.make_user("mallory")))
    full = path.format(build=run.build_id, deploy=run.deploy_id)
    absent = path.format(build="0" * 8, deploy="0" * 8)
    refused, missing = stranger.get(full), stranger.get(absent)
    assert (refused.status, missing.status) == (404, 404)
    assert refused.code == missing.code
    assert Api(world).get(full).status == 200


def test_a_rollback_takes_its_version_from_body_or_query_or_goes_back_one(world: World, service: Service, api: Api) -> None:
    for _ in range(3):
        deployed(world, service)
    answers: list[Answer] = []
    for path, body in ((f"{P}/pipeline/rollback?{QUERY}", None), (f"{P}/pipeline/rollback?{QUERY}&version=1", None)):
        answers.append(api.post(path, body))
        settle(world)
    answers.append(api.post(f"{P}/pipeline/rollback?{QUERY}", {"version": 3}))
    assert [answer.status for answer in answers] == [202, 202, 202]
    back_to = [run_of(world, service.id, answer.json["run"]).request.rollback_to for answer in answers]
    assert back_to == [2, 1, 3]
    status = api.get(f"{S}/pipeline-status").json
    assert (status["build"]["status"], status["pinned"]) == ("success", True)


def test_a_rollback_to_nothing_is_not_found(world: World, service: Service, api: Api) -> None:
    deployed(world, service)
    assert api.post(f"{P}/pipeline/rollback?{QUERY}", {"version": 7}).code == "deploy_not_found"


def test_a_pin_holds_a_push_and_unpinning_takes_it(world: World, service: Service, api: Api) -> None:
    assert api.post(f"{S}/pin").json == {"pinned": True, "run": 0}
    hook(api)
    status = api.get(f"{S}/pipeline-status").json
    assert (status["pinned"], status["held"]["ref"], status["held"]["by"]) == (True, "c0ffee00" * 5, "github:maria")
    taken = api.post(f"{S}/unpin").json
    assert taken["pinned"] is False
    assert run_of(world, service.id, taken["run"]).request.ref == "c0ffee00" * 5
    assert api.post(f"{S}/unpin").json == {"pinned": False, "run": 0}


def test_a_promotion_is_previewed_and_done_with_its_hash(world: World, api: Api) -> None:
    deployed(world, with_code(world, environment="acme/shop/staging"))
    with_code(world)
    named = {"service": "web", "source_env": "staging", "target_env": "production"}
    preview = api.get(f"{P}/promote/preview?service=web&source_env=staging&target_env=production").json
    assert [change["what"] for change in preview["changes"]][:2] == ["image", "commit"]
    assert no_nulls(preview)
    stale = api.post(f"{P}/promote", {**named, "hash": "0" * 64})
    assert (stale.status, stale.code) == (409, "preview_outdated")
    done = api.post(f"{P}/promote", {**named, "hash": preview["hash"]})
    assert (done.status, done.json["success"], len(done.json["deploy_id"])) == (201, True, UUID_LENGTH)
    settle(world)
    assert api.get(f"{S}/pipeline-status").json["active"] == 1


def test_a_promotion_to_a_service_that_is_not_there_says_how_to_make_it(world: World, api: Api) -> None:
    deployed(world, with_code(world, environment="acme/shop/staging"))
    answer = api.get(f"{P}/promote/preview?service=web&source_env=staging&target_env=production")
    assert (answer.status, answer.code) == (404, "service_not_found")
    assert answer.json["hint"] == "create it first: ancla services create acme/shop/production web"
    assert api.get(f"{P}/promote/preview?service=web&source_env=staging&target_env=none").code == "environment_not_found"


def hook(api: Api, *, signature: str | None = None, raw: bytes | None = None, **headers: str) -> Answer:
    content = {"ref": "refs/heads/main", "after": "c0ffee00" * 5, "pusher": {"name": "maria"}}
    body = raw if raw is not None else json.dumps({**content, "repository": {"full_name": "acme/api"}}).encode()
    signed = "sha256=" + hmac.new(b"hook", body, hashlib.sha256).hexdigest()
    sent = {"X-Hub-Signature-256": signed if signature is None else signature, "X-GitHub-Event": "push", "X-GitHub-Delivery": "d-1"}
    sent.update({name.replace("_", "-"): value for name, value in headers.items()})
    return api.post("/integrations/github/hooks", raw=body, headers=sent)


def test_a_signed_push_is_taken_without_a_key_and_once(world: World, service: Service) -> None:
    github = Api(world, key=None)
    for _ in range(2):
        answer = hook(github)
        assert (answer.status, answer.json) == (201, {"ok": True, "hook_id": "d-1"})
    assert len(Api(world).get(f"{P}/pipeline/history?{QUERY}").json) == 1


def test_a_delivery_that_was_overheard_and_is_sent_again_under_another_id_does_nothing(world: World, service: Service) -> None:
    github = Api(world, key=None)
    for name in ("d-1", "d-2", ""):
        assert hook(github, X_GitHub_Delivery=name).status == 201
    assert len(Api(world).get(f"{P}/pipeline/history?{QUERY}").json) == 1


@pytest.mark.parametrize("signature", ["", "sha256=00", "sha1=00"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_who_cannot_sign_gets_401_whatever_is_sent(world: World, service: Service, signature: str, kind: str) -> None:
    answer = hook(Api(world, key=None), signature=signature, Content_Type=kind)
    assert (answer.status, answer.code) == (401, "signature_invalid")
    assert Api(world).get(f"{P}/pipeline/history?{QUERY}").json == []


def test_what_is_signed_and_not_json_is_refused(world: World, service: Service) -> None:
    github = Api(world, key=None)
    assert hook(github, Content_Type="application/x-www-form-urlencoded").status == 415
    assert hook(github, raw=b"{").status == 400
    assert hook(github, X_GitHub_Event="").status == 400
