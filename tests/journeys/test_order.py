"""Requests that come close together: the newest wins, none is lost, and what is deleted leaves nothing to what comes after it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from chalicelib.manifests.names import namespace_of
from chalicelib.settings import read_settings
from chalicelib.wiring import make_ports
from tests.journeys.harness import Ancla
from tests.journeys.processes import processes_of
from tests.journeys.repository import Repository
from tests.journeys.waiting import wait_for

pytestmark = pytest.mark.journey

PROJECT = "/workspaces/acme/projects/shop"
SLOW_RELEASE = "sleep 1.5"


def test_of_five_deploys_asked_for_at_once_the_newest_is_active_and_none_is_lost(ancla: Ancla, repository: Repository) -> None:
    path = ancla.make_service("acme/shop/five/api", repository)
    commits = [repository.commit_version(str(version)) for version in range(1, 6)]
    runs = [ancla.deploy(path, {"ref": commit}) for commit in commits]
    ended = [ancla.ended(path, run) for run in runs]
    assert runs == [1, 2, 3, 4, 5]
    assert {run["outcome"] for run in ended[:-1]} <= {"superseded", "succeeded"}
    assert ended[-1]["outcome"] == "succeeded"
    assert ancla.api("GET", path)["active_deploy"] == ended[-1]["deploy"]
    assert ancla.answer(path) == {"version": "5"}
    assert [build["version"] for build in _items(ancla, f"{path}/builds")] == [5, 4, 3, 2, 1]


def test_deploys_asked_for_by_many_callers_in_the_same_moment_each_get_a_run_and_an_end(ancla: Ancla, repository: Repository) -> None:
    path = ancla.make_service("acme/shop/many/api", repository)
    with ThreadPoolExecutor(8) as callers:
        runs = sorted(callers.map(lambda _: ancla.deploy(path), range(8)))
    assert runs == list(range(1, 9))
    outcomes = [ancla.ended(path, run)["outcome"] for run in runs]
    assert set(outcomes) <= {"superseded", "succeeded", "unchanged"}
    assert outcomes[-1] in {"succeeded", "unchanged"}
    assert ancla.answer(path) == {"version": "1"}


@pytest.mark.parametrize("push_first", [True, False], ids=["push then config", "config then push"])
def test_a_pushed_commit_and_a_changed_variable_both_get_live(ancla: Ancla, repository: Repository, push_first: bool) -> None:
    path = ancla.make_service(f"acme/shop/{'push' if push_first else 'config'}-first/api", repository)
    assert ancla.ended(path, ancla.deploy(path))["outcome"] == "succeeded"
    before, after = repository.head(), repository.commit_version("2", release=SLOW_RELEASE)

    def push() -> None:
        ancla.push(repository, before, after)
        if push_first:  # the change comes once the pushed deploy's config is frozen
            wait_for(lambda: _status(ancla, path.split("/")[-3])["run"] == 2, what="the push to be taken")
            wait_for(lambda: ancla.run(path, 2)["stage"] == "watch_release", what="its release command to run")

    def change() -> None:
        ancla.api("POST", f"{path}/config", {"name": "GREETING", "value": "changed"})
        ancla.deploy(path, {"config_only": True})

    for ask in (push, change) if push_first else (change, push):
        ask()
    for run in (2, 3):
        assert ancla.ended(path, run)["outcome"] in {"succeeded", "included", "unchanged"}
    assert ancla.answer(path) == {"version": "2", "GREETING": "changed"}


def test_a_push_does_not_displace_a_rollback_that_waits_and_is_taken_when_the_pin_is_lifted(ancla: Ancla, repository: Repository) -> None:
    path = ancla.make_service("acme/shop/pinned/api", repository)
    for version in ("1", "2"):
        repository.commit_version(version)
        assert ancla.ended(path, ancla.deploy(path))["outcome"] == "succeeded"
    before = repository.commit_version("3", release=SLOW_RELEASE)
    busy = ancla.deploy(path)
    wait_for(lambda: ancla.run(path, busy)["stage"] == "watch_release", what="the deploy to hold the lane")

    rollback = ancla.api("POST", f"{PROJECT}/pipeline/rollback?service=api&env=pinned", {"version": 1})["run"]
    assert ancla.run(path, rollback)["stage"] == "waiting"
    after = repository.commit_version("4")
    ancla.push(repository, before, after)
    wait_for(lambda: _status(ancla, "pinned")["held"], what="the push to be held back")

    assert ancla.ended(path, busy)["outcome"] == "succeeded"
    assert ancla.ended(path, rollback)["outcome"] == "succeeded"
    status = _status(ancla, "pinned")
    assert status["pinned"] and status["held"]["ref"] == after
    assert ancla.answer(path) == {"version": "1"}

    taken = ancla.api("POST", f"{path}/unpin")["run"]
    assert ancla.ended(path, taken)["outcome"] == "succeeded"
    assert ancla.answer(path) == {"version": "4"}


@pytest.mark.parametrize("stages", [{"resolve", "build", "watch_build"}, {"watch_release"}], ids=["build", "release"])
def test_a_service_made_again_under_the_name_of_one_deleted_while_it_deployed_meets_nothing_of_it(
    ancla: Ancla, repository: Repository, stages: set[str]
) -> None:
    path = ancla.make_service("acme/shop/again/api", repository)
    ancla.api("POST", f"{path}/config", {"name": "GREETING", "value": "old"})
    ancla.api("POST", f"{path}/config", {"name": "TOKEN", "value": "old-secret", "secret": True})
    assert ancla.ended(path, ancla.deploy(path))["outcome"] == "succeeded"
    assert ancla.answer(path) == {"version": "1", "GREETING": "old", "TOKEN": "old-secret"}
    first = ancla.api("GET", path)
    repository.commit_version("2", worker="sleep 1000", release=SLOW_RELEASE)
    under_way = ancla.deploy(path)
    wait_for(lambda: ancla.run(path, under_way)["stage"] in stages, what=f"the deploy to be at {stages}", pause=0.005)
    ancla.api("DELETE", path)
    wait_for(lambda: ancla.ask("GET", path).status_code == 404, seconds=90, what="the service to be gone")
    assert _objects(ancla, first["id"]) == []

    repository.commit_version("3")
    ancla.make_service("acme/shop/again/api", repository)
    assert ancla.api("GET", path)["id"] != first["id"]
    assert ancla.api("GET", f"{path}/config") == []
    assert _items(ancla, f"{path}/builds") == _items(ancla, f"{path}/deploys") == []
    run = ancla.ended(path, ancla.deploy(path))
    assert (run["run"], run["build"], run["deploy"], run["outcome"]) == (1, 1, 1, "succeeded")
    assert ancla.answer(path) == {"version": "3"}
    assert not [command for command in processes_of(ancla.home).values() if "sleep" in command]
    ancla.api("DELETE", path)
    wait_for(lambda: ancla.ask("GET", path).status_code == 404, what="the service to be gone again")


def test_an_environment_is_deleted_with_all_that_is_in_it(ancla: Ancla, repository: Repository) -> None:
    paths = [ancla.make_service(f"acme/shop/doomed/{slug}", repository) for slug in ("api", "jobs", "idle")]
    repository.commit_version("2", worker="sleep 2000")
    running = [ancla.deploy(path) for path in paths[:2]]
    assert [ancla.ended(path, run)["outcome"] for path, run in zip(paths, running, strict=False)] == ["succeeded"] * 2
    place = ancla.place(paths[0])
    repository.commit_version("3", worker="sleep 2000")
    ancla.deploy(paths[1])

    ancla.api("DELETE", f"{PROJECT}/envs/doomed")
    refused = ancla.ask("POST", f"{PROJECT}/envs/doomed/services", {"name": "late"})
    assert refused.status_code in {404, 409}
    wait_for(lambda: ancla.ask("GET", f"{PROJECT}/envs/doomed").status_code == 404, what="the environment to be gone")
    assert [ancla.ask("GET", path).status_code for path in paths] == [404, 404, 404]
    with httpx.Client(timeout=5, trust_env=False) as client:
        assert place.ask(client).status_code == 404
    assert not [command for command in processes_of(ancla.home).values() if "sleep 2000" in command]


def _items(ancla: Ancla, path: str) -> list[dict[str, Any]]:
    listed = ancla.api("GET", path)
    items: list[dict[str, Any]] = listed["items"] if isinstance(listed, dict) else listed
    return items


def _objects(ancla: Ancla, service_id: str) -> list[str]:
    """What the cluster holds of a service."""
    cluster = make_ports(read_settings(ancla.environ)).cluster
    return [f"{ref.kind} {ref.name}" for ref in cluster.list_objects(namespace_of("acme"), service_id)]


def _status(ancla: Ancla, environment: str) -> dict[str, Any]:
    status: dict[str, Any] = ancla.api("GET", f"{PROJECT}/pipeline/status?service=api&env={environment}")
    return status
