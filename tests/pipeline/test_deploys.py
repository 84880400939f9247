"""What a deploy does, and what each other kind of run leaves alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain import keys
from chalicelib.domain.builds import BuildState
from chalicelib.domain.deploys import Deploy
from chalicelib.domain.runs import Outcome, RunKind
from chalicelib.ports.store import Change, Put, get_one
from tests.simulation.world import FILES, World
from tests.simulation.world import digest_of as digest


def test_a_deploy_builds_freezes_rolls_out_and_becomes_active(world: World) -> None:
    run = world.deploy()
    lane = world.lane()
    assert run.outcome is Outcome.SUCCEEDED
    assert lane.active is not None and (lane.active.deploy, lane.active.build) == (1, 1)
    assert lane.running == 0
    assert world.engines.cluster.running(world.service.id) == {"web": digest(world, run), "worker": digest(world, run)}
    assert world.service.id in world.engines.catalog.entries
    assert world.log_of(run).endswith("deploy 1 is active\n")


def test_what_runs_already_is_not_rolled_out_again(world: World) -> None:
    world.deploy()
    again = world.accept().run
    assert again is not None
    world.settle()
    ended = world.run(again.number)
    assert (ended.outcome, ended.outcome_detail) == (Outcome.UNCHANGED, "deploy 1 runs exactly this already")
    assert world.lane().deploys == 1
    assert len(world.engines.builder.jobs) == 1


def test_a_failed_build_never_reaches_the_cluster(world: World) -> None:
    first = world.deploy()
    commit = world.push({**FILES, "server.py": "oops"})
    world.engines.builder.broken.add(commit)
    run = world.accept().run
    assert run is not None
    world.settle()
    build = get_one(world.store, keys.build(world.service.id, 2))
    assert build is not None and build.state is BuildState.FAILED and build.error_code == "build_failed"
    assert world.run(run.number).outcome is Outcome.FAILED
    assert world.lane().deploys == 1
    assert world.engines.cluster.running(world.service.id)["web"] == digest(world, first)


def test_counts_are_put_on_what_runs_without_a_deploy(world: World) -> None:
    world.deploy()
    world.put_service(process_counts={"web": 3, "worker": 0})
    run = world.accept(RunKind.SCALE).run
    world.settle()
    lane = world.lane()
    assert run is not None and world.run(run.number).outcome is Outcome.SUCCEEDED
    assert lane.deploys == 1 and lane.active is not None and dict(lane.active.counts) == {"web": 3, "worker": 0}
    assert lane.latest == 1


def test_a_build_alone_moves_nothing(world: World) -> None:
    world.push()
    run = world.accept(RunKind.BUILD_ONLY).run
    world.settle()
    assert run is not None and world.run(run.number).outcome is Outcome.SUCCEEDED
    assert world.lane().active is None and world.engines.cluster.objects == {}
    build = get_one(world.store, keys.build(world.service.id, 1))
    assert build is not None and build.state is BuildState.SUCCEEDED


def test_a_commit_that_was_built_is_not_built_again(world: World) -> None:
    world.push()
    world.accept(RunKind.BUILD_ONLY)
    world.settle()
    run = world.accept().run
    world.settle()
    build = get_one(world.store, keys.build(world.service.id, 2))
    assert run is not None and world.run(run.number).outcome is Outcome.SUCCEEDED
    assert build is not None and build.reused == 1
    assert len(world.engines.builder.jobs) == 1


def test_a_build_whose_worker_is_lost_is_started_again(world: World) -> None:
    world.engines.builder.duration = timedelta(seconds=30)
    world.push()
    run = world.accept().run
    world.advance(5)
    assert run is not None
    world.engines.builder.lose(run.build_id)
    world.settle()
    assert world.run(run.number).outcome is Outcome.SUCCEEDED
    assert world.run(run.number).facts["starts"] == "2"


@pytest.mark.parametrize(("away", "outcome"), [(timedelta(minutes=2), Outcome.SUCCEEDED), (timedelta(minutes=60), Outcome.FAILED)])
def test_a_build_is_begun_again_and_again_while_what_it_stands_on_is_away_but_not_for_ever(
    world: World, away: timedelta, outcome: Outcome
) -> None:
    began = world.clock.now()
    world.engines.builder.away_until = began + away
    run = world.deploy()
    assert run.outcome is outcome
    assert world.clock.now() - began < timedelta(minutes=20)
    if run.failure is not None:
        assert run.failure.code == "build_unavailable"
        assert "the registry does not answer" in run.failure.message


def test_a_sealed_vault_stops_a_deploy_before_anything_moves(world: World) -> None:
    first = world.deploy()
    world.push({**FILES, "VERSION": "2"})
    run = world.accept().run
    world.engines.vault.sealed = True
    world.settle()
    assert run is not None
    failure = world.run(run.number).failure
    assert failure is not None and failure.code == "stage_timeout" and "the vault is sealed" in failure.message
    assert world.engines.cluster.running(world.service.id)["web"] == digest(world, first)


def test_an_engine_that_comes_back_in_time_does_no_harm(world: World) -> None:
    world.engines.vault.sealed = True
    world.push()
    run = world.accept().run
    world.advance(20)
    world.engines.vault.sealed = False
    world.settle()
    assert run is not None and world.run(run.number).outcome is Outcome.SUCCEEDED


def test_a_manifest_that_the_cluster_refuses_fails_with_the_clusters_words(world: World) -> None:
    world.push()
    world.engines.cluster.rejects = "Deployment: too many replicas"
    run = world.accept().run
    world.settle(timedelta(minutes=30))
    assert run is not None
    failure = world.run(run.number).failure
    assert failure is not None and "too many replicas" in failure.message


def test_a_repository_that_is_not_there_fails_with_its_name(world: World) -> None:
    world.put_service(source=replace(world.service.source, location="https://git.example/none.git"))
    run = world.accept().run
    world.settle()
    assert run is not None
    failure = world.run(run.number).failure
    assert failure is not None and failure.code == "repository_not_found" and "none.git" in failure.message


class ChangedInBetween:
    """A store in which something changes right before the first deploy is written."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.change: Callable[[], None] | None = None

    def commit(self, changes: Sequence[Change]) -> None:
        if self.change is not None and any(isinstance(change, Put) and isinstance(change.record, Deploy) for change in changes):
            change, self.change = self.change, None
            change()
        self._store.commit(changes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_a_config_that_changes_while_it_is_frozen_is_frozen_as_it_is_then() -> None:
    world = World(wrap=lambda name, port: ChangedInBetween(port) if name == "store" else port)
    world.set_variable("GREETING", "old")
    assert isinstance(world.ports.store, ChangedInBetween)
    world.ports.store.change = lambda: world.set_variable("GREETING", "new")
    assert world.deploy().deploy == 1
    assert world.active_snapshot().plain == {"GREETING": "new"}
