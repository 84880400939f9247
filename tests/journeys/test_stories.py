"""Whole stories of one service's life, each told to an Ancla as people and their clients tell it."""

from __future__ import annotations

import base64
import math
from typing import Any

import httpx
import pytest

from chalicelib.api.surface import ROUTES
from tests.journeys.ground import GROUND
from tests.journeys.harness import Ancla, SteadyLoad, assert_seen_in_order
from tests.journeys.processes import processes_of
from tests.journeys.repository import Repository
from tests.journeys.waiting import wait_for

pytestmark = pytest.mark.journey

WORKSPACE = "/workspaces/acme"
CANARY = "kwbvq-canary-of-this-test-zjxpy"
SCOPES = ("workspace", "team", "project", "environment", "service")


def good(ancla: Ancla, path: str, body: Any = None) -> dict[str, Any]:
    """The run of a deploy that succeeds."""
    run = ancla.ended(path, ancla.deploy(path, body))
    assert run["outcome"] == "succeeded", run
    return run


def test_deploy_failure_rollback_and_promotion_lose_no_request(ancla: Ancla, repository: Repository) -> None:
    staging = ancla.make_service("acme/main/staging/web", repository)
    production = ancla.make_service("acme/main/production/web", repository)
    project = f"{WORKSPACE}/projects/main"
    ancla.api("POST", f"{project}/envs/staging/config", {"name": "GREETING", "value": "from staging"})
    good(ancla, staging)
    good(ancla, production)
    with SteadyLoad(ancla.place(staging)) as at_staging, SteadyLoad(ancla.place(production)) as at_production:
        repository.commit_version("2")
        good(ancla, staging)
        repository.commit({"server.py": "raise SystemExit('cannot start')\n"})
        failed = ancla.ended(staging, ancla.deploy(staging))
        assert (failed["outcome"], failed["failure"]["code"]) == ("failed", "process_exited")
        _roll_back_and_forward(ancla, project, staging, repository)
        _promote(ancla, project, production, repository)
    assert (at_staging.failures, at_production.failures) == ([], [])
    assert_seen_in_order(at_staging.versions, ["1", "2", "1", "4", "5"])
    assert_seen_in_order(at_production.versions, ["1", "5"])


def _roll_back_and_forward(ancla: Ancla, project: str, staging: str, repository: Repository) -> None:
    back = ancla.api("POST", f"{project}/pipeline/rollback?service=web&env=staging", {"version": 1})
    assert ancla.ended(staging, back["run"])["outcome"] == "succeeded"
    assert ancla.answer(staging) == {"version": "1", "GREETING": "from staging"}
    assert ancla.api("GET", staging)["pinned"] is True
    repository.commit_version("4")
    good(ancla, staging)
    assert ancla.api("GET", staging)["pinned"] is False


def _promote(ancla: Ancla, project: str, production: str, repository: Repository) -> None:
    """What was shown is what is done: a preview that is outdated by a deploy is refused, the next one is carried out."""
    wish = {"service": "web", "source_env": "staging", "target_env": "production"}
    preview = f"{project}/promote/preview?service=web&source_env=staging&target_env=production"
    outdated = ancla.api("GET", preview)
    repository.commit_version("5")
    good(ancla, f"{project}/envs/staging/services/web")
    refused = ancla.ask("POST", f"{project}/promote", {**wish, "hash": outdated["hash"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "preview_outdated")
    assert refused.json()["hint"] == "look at the preview again, and send its hash"
    shown = ancla.api("GET", preview)
    assert {"what": "variable", "name": "GREETING", "from_source": True}.items() <= shown["changes"][-1].items()
    promoted = ancla.api("POST", f"{project}/promote", {**wish, "hash": shown["hash"]})
    assert ancla.ended(production, promoted["run"])["outcome"] == "succeeded"
    assert ancla.answer(production) == {"version": "5", "GREETING": "from staging"}
    assert ancla.api("GET", preview)["changes"] == []


def test_a_service_is_scaled_up_and_down_and_to_nothing_and_back(ancla: Ancla, repository: Repository) -> None:
    path = ancla.make_service("acme/scaling/staging/web", repository)
    good(ancla, path)
    with SteadyLoad(ancla.place(path)) as load:
        for count in (3, 1):
            _scale(ancla, path, count)
    assert load.failures == []
    _scale(ancla, path, 0)
    wait_for(lambda: not ancla.serves(path), seconds=20, what="what was told to stop to have stopped")
    repository.commit_version("2")
    good(ancla, path)
    assert not ancla.serves(path), "a deploy keeps the count that was set"
    _scale(ancla, path, 1)
    assert ancla.answer(path) == {"version": "2"}


def _scale(ancla: Ancla, path: str, count: int) -> None:
    assert ancla.api("POST", f"{path}/scale", {"process_counts": {"web": count}})["process_counts"] == {"web": count}
    service = path.split("/")
    history = f"{'/'.join(service[:5])}/pipeline/history?service={service[-1]}&env={service[6]}&limit=1"

    def ended() -> Any:
        newest = ancla.api("GET", history)[0]
        return newest if newest["kind"] == "scale" and newest["outcome"] else None

    run = wait_for(ended, what=f"{path} to be scaled to {count}")
    assert (run["outcome"], run["detail"]) == ("succeeded", f"scaled to web={count}")


def test_the_most_specific_of_five_scopes_wins(ancla: Ancla, repository: Repository) -> None:
    path = ancla.make_service("layers/shop/staging/web", repository)
    workspace, project = "/workspaces/layers", "/workspaces/layers/projects/shop"
    team = ancla.api("POST", f"{workspace}/teams", {"name": "Core"})["slug"]
    ancla.api("PATCH", path, {"team": team})
    places = [workspace, f"{workspace}/teams/{team}", project, f"{project}/envs/staging", path]
    for scope, place in zip(SCOPES, places, strict=True):
        ancla.api("POST", f"{place}/config", {"name": "GREETING", "value": f"of the {scope}"})
    good(ancla, path)
    assert ancla.answer(path)["GREETING"] == "of the service"
    for scope, place in reversed(list(zip(SCOPES, places, strict=True))):
        [found] = [entry for entry in ancla.api("GET", f"{path}/config/resolved") if entry["name"] == "GREETING"]
        assert (found["value"], found["scope"]) == (f"of the {scope}", scope)
        if scope != "workspace":
            ancla.api("DELETE", f"{place}/config/GREETING")
    good(ancla, path, {"config_only": True})
    assert ancla.answer(path)["GREETING"] == "of the workspace"


def test_a_value_arrives_as_it_was_set(ancla: Ancla, repository: Repository) -> None:
    path = ancla.make_service("acme/values/staging/web", repository)
    value = " $HOME ${X} $(TOKEN) $$ `id` \\n 'one' \"two\" #three\ta=b\r\nnext line \u2028🦀 {{ . }} %s "
    ancla.api("POST", f"{path}/config", {"name": "GREETING", "value": value})
    ancla.api("POST", f"{path}/config", {"name": "TOKEN", "value": value, "secret": True})
    good(ancla, path)
    assert ancla.answer(path) == {"version": "1", "GREETING": value, "TOKEN": value}


def test_a_secret_shows_nowhere_but_in_the_process(ancla: Ancla, repository: Repository) -> None:
    path = ancla.make_service("acme/secrets/staging/web", repository)
    wish = {"name": "TOKEN", "value": CANARY, "secret": True, "buildtime": True}
    for _ in range(2):
        assert ancla.api("POST", f"{path}/config", wish, headers={"Idempotency-Key": "once"})["value"] == CANARY
    run = good(ancla, path)
    assert ancla.answer(path)["TOKEN"] == CANARY
    repository.commit({"server.py": "raise SystemExit('cannot start')\n"})
    assert ancla.ended(path, ancla.deploy(path))["outcome"] == "failed"
    answers = [_get(ancla, route).content for route in get_paths(ancla, path, run)]
    assert not [answer for answer in answers if any(form in answer for form in _forms(CANARY))]
    files = [file for file in [*ancla.home.rglob("*"), ancla.log] if file.is_file() and not file.is_symlink()]
    assert {"state.db", "local.log", *(() if GROUND.real else ("vault.db",))} <= {file.name for file in files}
    assert [command for command in processes_of(ancla.home).values() if CANARY in command] == []
    assert [str(file) for file in files if any(form in file.read_bytes() for form in _forms(CANARY))] == []


def _forms(text: str) -> list[bytes]:
    """The text as it might lie in a file: as it is, as hex, and as base64 whatever stands before it."""
    raw = text.encode()
    shifted = [base64.b64encode(b"\0" * shift + raw)[math.ceil(shift * 4 / 3) : -4] for shift in range(3)]
    return [raw, raw[::-1], raw.hex().encode(), raw.hex().upper().encode(), *shifted]


def test_what_is_the_same_is_not_done_again(ancla: Ancla, repository: Repository) -> None:
    path = ancla.make_service("acme/same/staging/web", repository)
    good(ancla, path)
    again = ancla.ended(path, ancla.deploy(path))
    assert (again["outcome"], again["deploy"]) == ("unchanged", 0)
    assert "deploy 1" in again["detail"]
    assert ancla.api("GET", f"{path}/builds/{again['build']}")["reused"] == 1
    assert "was built as v1 already" in ancla.api("GET", f"{path}/builds/{again['build']}/log")["log_text"]
    status = ancla.api("GET", f"{path}/pipeline-status")
    assert (status["build"]["status"], status["deploy"]["status"], status["active"]) == ("success", "success", 1)


def test_a_build_alone_moves_nothing_and_can_be_deployed_later(ancla: Ancla, repository: Repository) -> None:
    path = ancla.make_service("acme/building/staging/web", repository)
    good(ancla, path)
    repository.commit_version("2")
    triggered = ancla.api("POST", f"{path}/builds/trigger")
    assert ancla.ended(path, triggered["run"])["detail"] == "build v2 is ready"
    assert ancla.answer(path) == {"version": "1"}
    repository.commit_version("3")
    assert good(ancla, path, {"version": triggered["version"]})["build"] == 2
    assert ancla.answer(path) == {"version": "2"}


def test_a_deleted_service_is_gone_and_its_name_begins_anew(ancla: Ancla, repository: Repository) -> None:
    path = ancla.make_service("acme/deleting/staging/web", repository)
    other = ancla.make_service("acme/deleting/staging/other", repository)
    good(ancla, path, {})
    good(ancla, other)
    place = ancla.place(path)
    ancla.api("POST", f"{path}/config", {"name": "GREETING", "value": "of the first"})
    ancla.api("DELETE", path)
    wait_for(lambda: ancla.ask("GET", path).status_code == 404, what="the service to be gone")
    with httpx.Client(trust_env=False) as client:
        assert place.ask(client).status_code == 404
    assert ancla.answer(other) == {"version": "1"}
    ancla.make_service("acme/deleting/staging/web", repository)
    assert ancla.api("GET", f"{path}/builds")["items"] == []
    assert (good(ancla, path)["deploy"], ancla.answer(path)) == (1, {"version": "1"})


def test_builds_come_in_pages_the_newest_first(ancla: Ancla, repository: Repository) -> None:
    path = ancla.make_service("acme/pages/staging/web", repository)
    for _ in range(5):
        ancla.ended(path, ancla.api("POST", f"{path}/builds/trigger")["run"])
    pages = [ancla.api("GET", f"{path}/builds?page={page}&per_page=2") for page in (1, 2, 3, 4)]
    assert [[build["version"] for build in page["items"]] for page in pages] == [[5, 4], [3, 2], [1], []]
    assert [page["pagination"] for page in pages] == [{"page": page, "per_page": 2, "total": 5, "total_pages": 3} for page in (1, 2, 3, 4)]


def test_every_read_answers_alike_with_and_without_a_slash_at_its_end(ancla: Ancla, repository: Repository) -> None:
    path = ancla.make_service("acme/slashes/staging/web", repository)
    run = good(ancla, path)
    for route in get_paths(ancla, path, run):
        plain, _, query = route.partition("?")
        bare, slashed = _get(ancla, route), _get(ancla, f"{plain}/?{query}")
        expected = 401 if plain.endswith("/docker/auth") else 200  # the one that asks for a login of its own
        assert (bare.status_code, slashed.status_code) == (expected, expected), route
        assert _lasting(bare.json()) == _lasting(slashed.json()), route


def get_paths(ancla: Ancla, path: str, run: dict[str, Any]) -> list[str]:
    """Every GET of the API, asked for this service and this run of it."""
    _, _, ws, _, proj, _, env, _, svc = path.split("/")
    teams = ancla.api("GET", f"/workspaces/{ws}/teams") or [ancla.api("POST", f"/workspaces/{ws}/teams", {"name": "core"})]
    parts = {
        "ws": ws,
        "proj": proj,
        "env": env,
        "svc": svc,
        "run": run["run"],
        "build": run["build_id"],
        "deploy": run["deploy_id"],
        "team": teams[0]["slug"],
        "key_id": ancla.api("GET", "/keys")["items"][0]["key_id"],
    }
    queries = {"status": f"service={svc}&env={env}", "history": f"service={svc}&env={env}"}
    queries["preview"] = f"service={svc}&source_env={env}&target_env=production"
    ancla.make_service(f"{ws}/{proj}/production/{svc}", Repository(ancla.home.parent / f"empty-{proj}"))
    routes = [route.path for route in ROUTES if route.method == "GET"]
    return [f"{route.format(**parts)}?{queries.get(route.rsplit('/', 1)[-1], '')}" for route in routes]


def _get(ancla: Ancla, path: str) -> httpx.Response:
    """A GET of the admin's at a whole path."""
    return httpx.get(f"{ancla.url}{path}", headers={"X-API-Key": ancla.key}, timeout=20, trust_env=False)


def _lasting(answer: Any) -> Any:
    """The answer without what changes from call to call."""
    return {name: value for name, value in answer.items() if name not in {"time", "request_id"}} if isinstance(answer, dict) else answer
