"""What must hold after every step, and what once all is quiet."""

from __future__ import annotations

import hashlib
from typing import Any

from chalicelib.domain import keys
from chalicelib.domain.audit import first_break
from chalicelib.domain.deploys import Deploy, DeployState
from chalicelib.domain.keys import Index
from chalicelib.domain.runs import STRENGTHS, Run, RunKind
from chalicelib.domain.snapshots import snapshot_document
from chalicelib.ports.cluster import ObjectRef
from chalicelib.ports.store import all_of, get_one
from tests.simulation.world import World


class Watch:
    """Remembers what has to stay, over the steps of one story."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.active_run = 0
        self.service_id = world.service.id

    def step(self) -> None:
        world = self.world
        lane = world.lane()
        runs = {run.number: run for run in world.runs()}
        held = {number for number in (lane.running, *lane.waiting.values()) if number}
        open_runs = {number for number, run in runs.items() if not run.finished and run.kind in STRENGTHS}
        assert open_runs == held, f"open runs {open_runs} are not those of the lane {held}"
        if lane.running:
            assert runs[lane.running].turn == lane.turn
        self._open_work_is_visible(runs)

    def active_moves_forward(self) -> None:
        """Called after every message: what becomes active is newer than what was, and healthy at that moment."""
        lane = self.world.lane()
        run = lane.active.run if lane.active else 0
        if self.world.service.id != self.service_id:
            self.service_id, self.active_run = self.world.service.id, run
        if run == self.active_run or lane.closed:
            return
        assert run > self.active_run, f"active moved from run {self.active_run} back to {run}"
        self.active_run = run
        active = self.world.lane().active
        assert active is not None
        deploy = get_one(self.world.store, keys.deploy(self.service_id, active.deploy))
        assert deploy is not None and deploy.state is DeployState.COMPLETE
        statuses = self.world.engines.cluster.watch("ancla-acme", self._deployments(), seconds=0)
        assert statuses and all(status.settled for status in statuses), "it became active and was not healthy"

    def _deployments(self) -> list[str]:
        return [ref.name for ref in self.world.engines.cluster.objects if ref.kind == "Deployment"]

    def _open_work_is_visible(self, runs: dict[int, Run]) -> None:
        if self.world.index_lag:
            return  # the index is behind on purpose
        found = {key.sort for key in self.world.store.find(Index.DUE, keys.OPEN, limit=100).items}
        for run in runs.values():
            if not run.finished:
                assert keys.key_of(run).sort in found, f"run {run.number} is open and the sweep cannot see it"


def assert_settled(world: World) -> None:
    """All requests have ended, and what exists outside is what the records say, no more and no less."""
    runs = world.runs()
    assert all(run.finished for run in runs), [(run.number, run.stage) for run in runs if not run.finished]
    lane = world.lane()
    cluster = world.engines.cluster
    assert lane.running == 0 and not lane.waiting
    _audit_matches(world, runs)
    _snapshots_are_whole(world)
    _releases_ran_at_most_once(world, runs)
    if lane.active is None or lane.closed:
        assert {ref: held.owner for ref, held in cluster.objects.items()} == {}
        assert world.service.id not in world.engines.catalog.entries
        return
    snapshot = world.active_snapshot()
    assert cluster.running(world.service.id) == dict.fromkeys(snapshot.processes, snapshot.image.digest)
    anchors = cluster.list_anchors("ancla-acme", world.service.id)
    assert len(anchors) == 1, f"more than the newest anchor is left: {list(anchors.values())}"
    owners = {held.owner for ref, held in cluster.objects.items() if held.owner}
    assert owners == {anchor.uid for anchor in anchors}
    assert world.engines.catalog.entries[world.service.id].meta["ancla-commit"] == snapshot.commit
    counts = {_process(held.manifest): held.manifest["spec"]["replicas"] for ref, held in cluster.objects.items() if _is_deployment(ref)}
    assert counts == dict(lane.active.counts)


def _audit_matches(world: World, runs: list[Run]) -> None:
    entries = all_of(world.store, f"OF#{world.lane().subject}", "AUDIT#")
    assert first_break(entries) == 0
    accepted = [entry.detail["run"] for entry in entries if entry.action in {kind.value for kind in RunKind}]
    ended = [entry.detail["run"] for entry in entries if entry.action.endswith(".ended")]
    numbers = sorted(str(run.number) for run in runs)
    assert sorted(accepted) == numbers
    assert sorted(ended) == numbers


def _snapshots_are_whole(world: World) -> None:
    deploys: list[Deploy] = all_of(world.store, f"OF#{world.service.id}", "DEPLOY#")
    if world.lane().closed:
        return
    for deploy in deploys:
        document = world.logs.read(snapshot_document(world.service.id, deploy.snapshot))
        assert hashlib.sha256(document).hexdigest() == deploy.snapshot


def _releases_ran_at_most_once(world: World, runs: list[Run]) -> None:
    released = world.engines.cluster.released
    recorded = [run.facts["release_uid"] for run in (*runs, *world.past_runs()) if "release_uid" in run.facts]
    assert len(released) == len(set(released))
    assert set(released) <= set(recorded), "a release command ran whose pod no run had recorded"


def _process(manifest: Any) -> str:
    return str(manifest["metadata"]["labels"]["ancla.dev/process"])


def _is_deployment(ref: ObjectRef) -> bool:
    return ref.kind == "Deployment"
