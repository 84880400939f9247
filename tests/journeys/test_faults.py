"""Deaths in the middle of deploys: whatever dies, each deploy ends right, once and by itself, and what was running keeps running."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.journeys.ground import GROUND
from tests.journeys.harness import Ancla, SteadyLoad
from tests.journeys.ledgers import make_ledger
from tests.journeys.observers import make_observer
from tests.journeys.processes import processes_of
from tests.journeys.repository import Repository
from tests.journeys.waiting import wait_for

pytestmark = pytest.mark.journey
kills_the_node = pytest.mark.skipif(
    GROUND.real,
    reason="a real node is no part of an Ancla: test_engine_faults.py kills its kubelet in the middle of a roll-out, and a release pod",
)

SLUGS = ("api", "cart", "jobs", "mail", "shop")
SPREAD = 8.0 if GROUND.real else 1.2
"""Seconds over which the deploys of a round begin, the last of them right before the kill: each is hit at another moment."""
RESUMED_WITHIN = 60.0
"""Seconds after a restart: what its predecessor had in hand is looked at at once, not when a function's time is over."""


class Fleet:
    """A few services of one repository. Their release command leaves a line in a ledger each time that it runs."""

    def __init__(self, ancla: Ancla, folder: Path) -> None:
        self.ancla = ancla
        self.ledger = make_ledger(ancla, folder, lambda: list(self.paths.values()))
        self.observer = make_observer(ancla)
        self.repository = Repository(folder / "repository")
        self.repository.commit_version("0")
        self.version = 0
        self.paths = {slug: ancla.make_service(f"acme/shop/staging/{slug}", self.repository) for slug in SLUGS}
        for slug, path in self.paths.items():
            ancla.api("POST", f"{path}/config", {"name": "GREETING", "value": slug})

    def push_next(self) -> str:
        self.version += 1
        return self.repository.commit_version(str(self.version), release=f"sleep 0.05; {self.ledger.entry('$GREETING $(cat VERSION)')}")

    def deploy_all(self) -> None:
        """The next version, live everywhere."""
        self.push_next()
        runs = {path: self.ancla.deploy(path) for path in self.paths.values()}
        for path, run in runs.items():
            assert self.ancla.ended(path, run)["outcome"] == "succeeded"

    def deploy_until(self, strike: Callable[[], None], seed: int) -> tuple[str, dict[str, int]]:
        """Deploys the next version everywhere, each service at a random moment before `strike`; its commit, and the runs by slug."""
        commit, runs = self.push_next(), {}
        began = time.monotonic()
        moments = sorted(random.Random(seed).uniform(0, SPREAD) for _ in SLUGS)
        for slug, moment in zip(SLUGS, moments, strict=True):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            runs[slug] = self.ancla.deploy(self.paths[slug])
        time.sleep(max(0.0, began + SPREAD - time.monotonic()))
        strike()
        return commit, runs

    def assert_done_once(self, slug: str, commit: str, number: int) -> None:
        """The run ended well, there is one of it and one deploy, its release command ran once, and its version is what answers."""
        path = self.paths[slug]
        run = self.ancla.ended(path, number)
        assert (run["outcome"], run["commit"]) == ("succeeded", commit), run
        history = self.ancla.api("GET", f"/workspaces/acme/projects/shop/pipeline/history?env=staging&service={slug}&limit=50")
        assert [each["run"] for each in history if each["commit"] == commit] == [number]
        deploys = [each for each in self.ancla.api("GET", f"{path}/deploys")["items"] if each["commit"] == commit]
        assert [(each["version"], each["status"], each["active"]) for each in deploys] == [(run["deploy"], "success", True)]
        assert self.ledger.lines().count(f"{slug} {self.version}") == 1
        assert self.ancla.answer(path) == {"version": str(self.version), "GREETING": slug}

    def assert_done_once_or_cut_off(self, slug: str, commit: str, number: int, *, before: Mapping[str, int]) -> None:
        """As above; or its release command was cut off: nobody knows how far it got, so it is not run again, and what ran runs on."""
        run = self.ancla.ended(self.paths[slug], number)
        if run["outcome"] == "succeeded":
            self.assert_done_once(slug, commit, number)
            return
        assert run["failure"]["code"] == "release_lost", run["failure"]
        assert self.ledger.lines().count(f"{slug} {self.version}") <= 1
        self.wait_for_version(slug, before[slug])

    def versions(self) -> dict[str, int]:
        """What answers now, by slug."""
        return {slug: int(self.ancla.answer(path)["version"]) for slug, path in self.paths.items()}

    def wait_for_version(self, slug: str, version: int) -> None:
        self.ancla.wait_until_serving(self.paths[slug])
        assert self.ancla.answer(self.paths[slug])["version"] == str(version)

    def web_processes(self) -> set[int]:
        return {pid for pid, command in processes_of(self.ancla.home).items() if command.startswith("/bin/sh -c python server.py")}


class SlowRelease:
    """A service whose second version has a release command that takes its time, and writes down that it began and that it ended."""

    def __init__(self, ancla: Ancla, folder: Path, slug: str, *, seconds: int) -> None:
        self.ancla = ancla
        self.ledger = make_ledger(ancla, folder, lambda: [self.path])
        self.repository = Repository(folder / "repository")
        self.repository.commit_version("1")
        self.path = ancla.make_service(f"acme/shop/staging/{slug}", self.repository)
        assert ancla.ended(self.path, ancla.deploy(self.path))["outcome"] == "succeeded"
        self.repository.commit_version("2", release=f"{self.ledger.entry('begun')}; sleep {seconds}; {self.ledger.entry('ended')}")

    def deploy_until_released(self) -> int:
        """Asks for the second version, and returns its run once the release command has begun."""
        run = self.ancla.deploy(self.path)
        wait_for(lambda: self.ledger.lines() == ["begun"], what="the release command to begin")
        return run


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with Ancla(folder) as ancla:
        fleet = Fleet(ancla, folder)
        fleet.deploy_all()
        yield fleet
        ancla.stop()


@pytest.mark.parametrize("seed", range(4))
def test_a_server_killed_at_any_moment_of_a_deploy_loses_neither_the_deploy_nor_a_request(fleet: Fleet, seed: int) -> None:
    with SteadyLoad(fleet.ancla.place(fleet.paths["api"])) as first, SteadyLoad(fleet.ancla.place(fleet.paths["shop"])) as last:
        commit, runs = fleet.deploy_until(fleet.ancla.kill, seed)
        time.sleep(0.3)
        fleet.ancla.start()
        for slug in SLUGS:
            fleet.assert_done_once(slug, commit, runs[slug])
    assert (first.failures, last.failures) == ([], [])
    assert first.answered > 20 and last.answered > 20
    wait_for(lambda: len(fleet.observer.running()) == len(SLUGS), seconds=15 + fleet.observer.grace, what="the old processes to be gone")


@kills_the_node
def test_a_node_that_is_killed_alone_is_back_by_itself_and_no_service_ended(fleet: Fleet) -> None:
    before = fleet.web_processes()
    fleet.ancla.kill_node()
    for path in fleet.paths.values():
        fleet.ancla.wait_until_serving(path)
    assert fleet.web_processes() == before


@kills_the_node
@pytest.mark.parametrize("seed", range(10, 14))
def test_a_server_and_a_node_killed_at_any_moment_of_a_deploy_leave_the_services_running_and_lose_no_deploy(
    fleet: Fleet, seed: int
) -> None:
    before = fleet.versions()
    commit, runs = fleet.deploy_until(fleet.ancla.kill_all, seed)
    assert len(fleet.web_processes()) >= len(SLUGS)
    fleet.ancla.start()
    for slug in SLUGS:
        # A node that dies while it starts a release command cuts it off before anything of it is recorded.
        fleet.assert_done_once_or_cut_off(slug, commit, runs[slug], before=before)
    wait_for(lambda: len(fleet.web_processes()) == len(SLUGS), seconds=15, what="the old processes to be gone")


@kills_the_node
@pytest.mark.parametrize("seed", range(20, 22))
def test_a_power_cut_in_the_middle_of_a_deploy_loses_no_service_and_no_deploy(fleet: Fleet, seed: int) -> None:
    before = fleet.versions()
    commit, runs = fleet.deploy_until(fleet.ancla.cut_power, seed)
    fleet.ancla.start()
    for slug in SLUGS:
        fleet.assert_done_once_or_cut_off(slug, commit, runs[slug], before=before)


def test_a_release_command_outlives_a_killed_server_and_node_and_its_result_counts(fleet: Fleet, tmp_path: Path) -> None:
    service = SlowRelease(fleet.ancla, tmp_path, "outlives", seconds=2)
    run = service.deploy_until_released()
    fleet.ancla.kill_all()
    fleet.ancla.start()
    assert fleet.ancla.ended(service.path, run, seconds=RESUMED_WITHIN)["outcome"] == "succeeded"
    assert service.ledger.lines() == ["begun", "ended"]
    assert fleet.ancla.answer(service.path) == {"version": "2"}


@kills_the_node
def test_a_release_command_that_was_cut_off_fails_its_deploy_and_is_not_run_again(fleet: Fleet, tmp_path: Path) -> None:
    service = SlowRelease(fleet.ancla, tmp_path, "cut-off", seconds=60)
    run = service.deploy_until_released()
    fleet.ancla.cut_power()
    fleet.ancla.start()
    ended = fleet.ancla.ended(service.path, run)
    assert (ended["outcome"], ended["failure"]["code"]) == ("failed", "release_lost")
    assert "before you deploy again" in ended["failure"]["hint"]
    assert fleet.ancla.api("GET", service.path)["active_deploy"] == 1
    assert fleet.ancla.answer(service.path) == {"version": "1"}
    assert service.ledger.lines() == ["begun"]


def test_a_server_that_is_asked_to_end_leaves_no_process_and_goes_on_when_it_starts_again(fleet: Fleet, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "plain")
    repository.commit_version("1")
    path = fleet.ancla.make_service("acme/shop/staging/plain", repository)
    run = fleet.ancla.deploy(path)
    time.sleep(0.4)
    fleet.ancla.stop()
    fleet.ancla.start()
    assert fleet.ancla.ended(path, run)["outcome"] == "succeeded"
    for each in (path, *fleet.paths.values()):
        fleet.ancla.wait_until_serving(each)
