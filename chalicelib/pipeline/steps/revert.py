"""Putting back what was active: salvage the evidence, make the set equal to the active deploy's, watch it."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.domain.failures import Failure
from chalicelib.domain.fences import Phase
from chalicelib.domain.runs import Run, Stage
from chalicelib.manifests import names
from chalicelib.manifests.kubernetes import render_anchor
from chalicelib.pipeline.loads import anchor_of, fence_of, load_lane, load_snapshot, revert_anchor_of
from chalicelib.pipeline.narration import narrate
from chalicelib.pipeline.outcome import Fail, Go, StepResult, Wait
from chalicelib.pipeline.slices import Slice
from chalicelib.pipeline.steps.diagnosis import with_evidence
from chalicelib.pipeline.wanted import identity, put_into_catalog, service_set
from chalicelib.ports import Ports


def salvage(run: Run, ports: Ports, time: Slice) -> StepResult:
    """Reads the evidence while the failed pods are still there, and makes the anchor that owns what the revert applies."""
    pods = ports.cluster.evidence(run.facts["namespace"], run.owner, anchor_of(run))
    failure = with_evidence(_failure(run), pods)
    told = narrate(ports, run, f"failed ({failure.code}): {failure.detail}", "putting the previous deploy back")
    anchor = ports.cluster.ensure_anchor(render_anchor(run.address, run.owner, run.turn, Phase.REVERT), fence_of(run, Phase.REVERT))
    noted = told.noting(revert_anchor=anchor.name, revert_anchor_uid=anchor.uid)
    return Go(Stage.REVERT, replace(noted, failure=failure))


def revert(run: Run, ports: Ports, time: Slice) -> StepResult:
    """The same manifests that made the active deploy run: byte-identical, so what still runs of it is not touched."""
    active = load_lane(ports, run).active
    fence = fence_of(run, Phase.REVERT)
    if active is None:
        ports.catalog.deregister(run.owner, fence)
        ports.cluster.delete_anchor(anchor_of(run))
        return _reverted(ports, run, "nothing ran before")
    made = load_snapshot(ports, run.owner, active.snapshot)
    manifests = [*identity(ports, run.address, run.owner, made), *service_set(ports, run.address, run.owner, made, active.counts)]
    ports.cluster.apply(manifests, owner=revert_anchor_of(run), fence=fence)
    put_into_catalog(ports, run.address, run.owner, made, fence)
    return Go(Stage.WATCH_REVERT, run)


def watch_revert(run: Run, ports: Ports, time: Slice) -> StepResult:
    active = load_lane(ports, run).active
    if active is None:
        return _reverted(ports, run, "nothing ran before")
    wanted = [names.resource_name(run.address, process) for process in active.counts]
    statuses = ports.cluster.watch(run.facts["namespace"], wanted, seconds=time.left())
    if len(statuses) == len(wanted) and all(status.settled for status in statuses):
        return _reverted(ports, run, f"deploy {active.deploy} is still the active one")
    return Wait(0, run)


def _reverted(ports: Ports, run: Run, outcome: str) -> Fail:
    return Fail(_failure(run), narrate(ports, run, outcome))


def _failure(run: Run) -> Failure:
    return run.failure or Failure(code="internal", message="the run failed", hint="deploy again")
