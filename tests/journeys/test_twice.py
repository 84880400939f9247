"""A whole story in which every message comes twice, and sweeps take every run that is under way for one that nobody looks at: many
workers do the same thing at the same time. Each thing is done once all the same, and the story ends as any other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.domain import keys
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Run
from chalicelib.ports.store import all_of, get_one
from chalicelib.settings import read_settings
from chalicelib.wiring import make_ports
from tests.journeys.harness import SteadyLoad, assert_seen_in_order
from tests.journeys.ledgers import make_ledger
from tests.journeys.repository import Repository
from tests.journeys.strange_ancla import StrangeAncla
from tests.journeys.waiting import wait_for
from tests.simulation.invariants import assert_audit_matches

pytestmark = pytest.mark.journey

PROJECT = "/workspaces/acme/projects/shop"


class Story:
    """Two environments with one service each, whose release command leaves a line in a ledger each time that it runs."""

    def __init__(self, ancla: StrangeAncla, folder: Path) -> None:
        self.ancla = ancla
        self.ledger = make_ledger(ancla, folder, lambda: (self.staging, self.production))
        self.repository = Repository(folder / "repository")
        self.push("1")
        self.staging = ancla.make_service("acme/shop/staging/web", self.repository)
        self.production = ancla.make_service("acme/shop/production/web", self.repository, auto_deploy_branch="")
        for path, greeting in ((self.staging, "staging"), (self.production, "production")):
            ancla.api("POST", f"{path}/config", {"name": "GREETING", "value": greeting})
        self.ids = {path: str(ancla.api("GET", path)["id"]) for path in (self.staging, self.production)}

    def push(self, version: str) -> str:
        return self.repository.commit_version(version, release=self.ledger.entry("$GREETING $(cat VERSION)"))

    def deploy(self, body: Any = None) -> dict[str, Any]:
        return self.ended(self.staging, self.ancla.deploy(self.staging, body))

    def ended(self, path: str, number: int) -> dict[str, Any]:
        run = self.ancla.ended(path, number)
        assert run["outcome"] == "succeeded", run
        return run

    def newest_run(self, kind: str) -> int | None:
        newest = self.ancla.api("GET", f"{PROJECT}/pipeline/history?service=web&env=staging&limit=1")[0]
        return int(newest["run"]) if newest["kind"] == kind else None


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("twice")
    with StrangeAncla(folder, twice=True) as ancla:
        yield Story(ancla, folder)


def test_a_story_told_twice_at_every_word_happens_once(story: Story) -> None:
    ancla, staging, production = story.ancla, story.staging, story.production
    story.deploy()
    with SteadyLoad(ancla.place(staging)) as load:
        _change_config(story)
        _fail(story)
        _push(story)
        _roll_back_and_forward(story)
        _promote(story)
        _scale(story)
    assert load.failures == []
    assert_seen_in_order(load.versions, ["1", "3", "1", "4"])
    deploys = ancla.api("GET", f"{staging}/deploys")["items"]
    assert [(each["version"], each["status"]) for each in deploys] == [
        (6, "success"),
        (5, "success"),
        (4, "success"),
        (3, "error"),
        (2, "success"),
        (1, "success"),
    ]
    assert [each["version"] for each in deploys if each["active"]] == [6]
    assert [build["version"] for build in ancla.api("GET", f"{staging}/builds")["items"]] == [4, 3, 2, 1]
    assert story.ledger.lines() == ["staging 1", "changed 1", "changed 2", "changed 3", "staging 1", "changed 4", "changed 4"]
    assert story.ledger.begun() == 7
    assert ancla.answer(production) == {"version": "4", "GREETING": "changed"}
    _delete(story)


def _change_config(story: Story) -> None:
    story.ancla.api("POST", f"{story.staging}/config", {"name": "GREETING", "value": "changed"})
    story.deploy({"config_only": True})
    assert story.ancla.answer(story.staging) == {"version": "1", "GREETING": "changed"}


def _fail(story: Story) -> None:
    story.push("2")
    story.repository.commit({"server.py": "raise SystemExit('cannot start')\n"})
    failed = story.ancla.ended(story.staging, story.ancla.deploy(story.staging))
    assert (failed["outcome"], failed["failure"]["code"]) == ("failed", "process_exited")
    assert story.ancla.answer(story.staging) == {"version": "1", "GREETING": "changed"}


def _push(story: Story) -> None:
    before = story.repository.head()
    story.ancla.push(story.repository, before, story.push("3"))
    pushed = wait_for(lambda: story.newest_run("deploy") == 4, what="the push to be taken")
    assert pushed
    story.ended(story.staging, 4)


def _roll_back_and_forward(story: Story) -> None:
    rollback = story.ancla.api("POST", f"{PROJECT}/pipeline/rollback?service=web&env=staging", {"version": 1})
    story.ended(story.staging, rollback["run"])
    assert story.ancla.answer(story.staging) == {"version": "1", "GREETING": "staging"}
    story.push("4")
    story.deploy()
    assert story.ancla.answer(story.staging) == {"version": "4", "GREETING": "changed"}


def _promote(story: Story) -> None:
    wish = {"service": "web", "source_env": "staging", "target_env": "production"}
    story.ended(story.production, story.ancla.api("POST", f"{PROJECT}/promote", wish)["run"])


def _scale(story: Story) -> None:
    for number, count in ((7, 3), (8, 1)):
        story.ancla.api("POST", f"{story.staging}/scale", {"process_counts": {"web": count}})
        assert story.ended(story.staging, number)["detail"] == f"scaled to web={count}"


def _delete(story: Story) -> None:
    place = story.ancla.place(story.staging)
    story.ancla.api("DELETE", story.staging)
    wait_for(lambda: story.ancla.ask("GET", story.staging).status_code == 404, what="the service to be gone")
    with httpx.Client(timeout=5, trust_env=False) as client:
        wait_for(lambda: place.ask(client).status_code == 404, what="the router to know of it no more")
    assert story.ancla.answer(story.production) == {"version": "4", "GREETING": "changed"}


def test_what_was_told_twice_is_on_record_once(story: Story) -> None:
    store = make_ports(read_settings({"ANCLA_HOME": str(story.ancla.home)})).store
    for service_id, count in ((story.ids[story.staging], 9), (story.ids[story.production], 1)):
        lane: Lane | None = get_one(store, keys.lane(service_id))
        runs: list[Run] = all_of(store, *keys.runs(service_id))
        assert lane is not None and not lane.running and not lane.waiting
        assert [run.number for run in runs if run.finished] == list(range(1, count + 1))
        assert_audit_matches(lane, runs, all_of(store, *keys.audit_trail(lane.subject)))


def test_each_outcome_is_announced_once(story: Story) -> None:
    lines = (story.ancla.home / "notices.jsonl").read_text().splitlines()
    announced = Counter(json.loads(line)["key"] for line in lines)
    assert set(announced.values()) == {1}
    assert len(announced) == 7
