"""Deploys of what cannot be built or run: each says what is wrong and what to do, nothing is half-made, and what ran runs on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib.pipeline.steps.diagnosis import MAX_LINE
from tests.contracts.repositories import Repository, server_that_wants_a_password
from tests.journeys.bad_commits import ELSEWHERE, GOOD, QUIET, ROLL_OUTS, SOURCES, Bad
from tests.journeys.ground import GROUND
from tests.journeys.harness import Ancla

pytestmark = pytest.mark.journey

ENVIRONMENT = "/workspaces/acme/projects/shop/envs/staging"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What became of a bad deploy, and what there was right after it, and after a good one."""

    run: dict[str, Any]
    status: dict[str, Any]
    service: dict[str, Any]
    deploys: list[dict[str, Any]]
    log: str
    answer: dict[str, Any] | None
    """What the service itself answered, if it ran before."""
    then: dict[str, Any]
    """The run of the good deploy that followed."""


class Yard:
    """Many services of one Ancla, each with a repository of its own; what they all do, they do at the same time."""

    def __init__(self, ancla: Ancla, folder: Path) -> None:
        self.ancla, self.folder = ancla, folder
        ancla.api("POST", "/workspaces", {"name": "acme"})
        ancla.api("POST", "/workspaces/acme/projects", {"name": "shop"})

    def repository(self, name: str, files: Mapping[str, str]) -> Repository:
        repository = Repository(self.folder / name)
        if files:
            repository.commit(buildable(files))
        return repository

    def make(self, name: str, location: str) -> str:
        self.ancla.api("POST", f"{ENVIRONMENT}/services", {"name": name, "repository": location})
        return f"{ENVIRONMENT}/services/{name}"

    def deployed(self, wishes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """All runs by path, once each has ended; `wishes` are the bodies."""
        runs = {path: self.ancla.deploy(path, body) for path, body in wishes.items()}
        return {path: self.ancla.ended(path, run) for path, run in runs.items()}

    def seen(self, path: str, run: dict[str, Any], *, ran: bool) -> dict[str, Any]:
        deploys = self.ancla.api("GET", f"{path}/deploys")["items"]
        log = f"{path}/deploys/{run['deploy_id']}/log" if run["deploy"] else f"{path}/builds/{run['build']}/log"
        return {
            "run": run,
            "status": self.ancla.api("GET", f"{path}/pipeline-status"),
            "service": self.ancla.api("GET", path),
            "deploys": deploys,
            "log": self.ancla.api("GET", log)["log_text"],
            "answer": self.ancla.answer(path) if ran else None,
        }


def buildable(files: Mapping[str, str]) -> Mapping[str, str]:
    """With what the ground needs beside a Procfile."""
    return {**GROUND.files, **files} if "Procfile" in files else files


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("bad-deploys")
    with Ancla(folder) as ancla:
        yield Yard(ancla, folder / "repositories")


@pytest.fixture(scope="module")
def from_sources(yard: Yard) -> dict[str, Seen]:
    """Services that never ran: the bad source, then a good one."""
    good = yard.repository("good", QUIET)
    repositories = {name: yard.repository(name, bad.files) for name, bad in SOURCES.items()}
    for name, bad in SOURCES.items():
        bad.prepare(repositories[name])
    with server_that_wants_a_password() as private:
        locations = {name: GROUND.location(repository.path) for name, repository in repositories.items()}
        locations |= {"missing": GROUND.location(yard.folder / "nowhere"), "private": private}
        paths = {name: yard.make(name, location) for name, location in locations.items()}
        runs = yard.deployed({path: {"ref": {**SOURCES, **ELSEWHERE}[name].ref} for name, path in paths.items()})
    seen = {path: yard.seen(path, run, ran=False) for path, run in runs.items()}
    for path in paths.values():
        yard.ancla.api("PATCH", path, {"repository": GROUND.location(good.path)})
    then = yard.deployed(dict.fromkeys(paths.values()))
    return {name: Seen(**seen[path], then=then[path]) for name, path in paths.items()}


@pytest.fixture(scope="module")
def from_roll_outs(yard: Yard) -> dict[str, Seen]:
    """Services that run: a good commit, a bad one, another good one."""
    repositories = {name: yard.repository(name, GOOD) for name in ROLL_OUTS}
    paths = {name: yard.make(name, GROUND.location(repository.path)) for name, repository in repositories.items()}
    for run in yard.deployed(dict.fromkeys(paths.values())).values():
        assert run["outcome"] == "succeeded", run["failure"]
    for name, bad in ROLL_OUTS.items():
        repositories[name].commit(bad.files)
        yard.ancla.api("PATCH", paths[name], {"deployment_timeout": bad.seconds})
    runs = yard.deployed(dict.fromkeys(paths.values()))
    seen = {path: yard.seen(path, run, ran=True) for path, run in runs.items()}
    for name, path in paths.items():
        yard.ancla.api("PATCH", path, {"deployment_timeout": 180})
        repositories[name].commit({**GOOD, "VERSION": "2"})
    then = yard.deployed(dict.fromkeys(paths.values()))
    return {name: Seen(**seen[path], then=then[path]) for name, path in paths.items()}


def check_told(bad: Bad, seen: Seen) -> None:
    failure = seen.run["failure"]
    assert (seen.run["outcome"], failure["code"]) == ("failed", bad.code)
    assert bad.message in failure["message"]
    assert bad.hint in failure["hint"]
    assert bad.evidence in "\n".join(failure["evidence"])
    assert all(line.isprintable() and len(line) <= MAX_LINE + 1 for line in failure["evidence"])


@pytest.mark.parametrize("name", [*SOURCES, *ELSEWHERE])
def test_a_bad_source_is_told_and_leaves_nothing(from_sources: dict[str, Seen], name: str) -> None:
    bad, seen = {**SOURCES, **ELSEWHERE}[name], from_sources[name]
    check_told(bad, seen)
    assert (seen.deploys, seen.service["active_deploy"], seen.status["deploy"]) == ([], 0, None)
    assert seen.status["build"]["status"] == "error"
    assert bad.message in seen.status["build"]["error_detail"]
    assert bad.hint in seen.status["build"]["error_detail"]
    assert bad.message in seen.log
    assert bad.hint in seen.log


@pytest.mark.parametrize("name", [*SOURCES, *ELSEWHERE])
def test_a_good_source_right_after_a_bad_one_deploys(from_sources: dict[str, Seen], name: str) -> None:
    assert (from_sources[name].then["outcome"], from_sources[name].then["deploy"]) == ("succeeded", 1)


@pytest.mark.parametrize("name", ROLL_OUTS)
def test_a_bad_roll_out_is_told_and_what_ran_runs_on(from_roll_outs: dict[str, Seen], name: str) -> None:
    bad, seen = ROLL_OUTS[name], from_roll_outs[name]
    check_told(bad, seen)
    assert seen.answer == {"version": "1"}
    assert seen.service["active_deploy"] == 1
    assert [(deploy["version"], deploy["status"], deploy["active"]) for deploy in seen.deploys] == [
        (2, "error", False),
        (1, "success", True),
    ]
    assert seen.status["deploy"]["status"] == "error"
    assert bad.hint in seen.status["deploy"]["error_detail"]
    assert bad.message in seen.log


@pytest.mark.parametrize("name", ROLL_OUTS)
def test_a_good_commit_right_after_a_bad_roll_out_deploys(from_roll_outs: dict[str, Seen], name: str) -> None:
    assert (from_roll_outs[name].then["outcome"], from_roll_outs[name].then["deploy"]) == ("succeeded", 3)


def test_how_a_release_command_ended_is_said_once(from_roll_outs: dict[str, Seen]) -> None:
    assert from_roll_outs["release-fails"].run["failure"]["message"] == "the release command ended with exit code 4"
