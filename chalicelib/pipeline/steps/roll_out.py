"""From a snapshot to what runs: preflight, anchor, prepare, roll out, watch, register, activate."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.deploys import Running
from chalicelib.domain.fences import Phase
from chalicelib.domain.hierarchy import count_of
from chalicelib.domain.runs import Outcome, Run, RunKind, Stage
from chalicelib.domain.snapshots import Snapshot
from chalicelib.manifests import names
from chalicelib.manifests.kubernetes import render_anchor, render_shared
from chalicelib.manifests.surroundings import surroundings_of
from chalicelib.manifests.vault import snapshot_path, snapshot_prefix
from chalicelib.pipeline.loads import anchor_of, fence_of, load_lane, load_service, load_snapshot, load_workspace, workload_of
from chalicelib.pipeline.narration import narrate
from chalicelib.pipeline.outcome import End, Go, StepResult, Wait, fail
from chalicelib.pipeline.slices import Slice
from chalicelib.pipeline.steps.diagnosis import certain_failure, waited_for
from chalicelib.pipeline.wanted import identity, put_into_catalog, service_set
from chalicelib.ports import Ports
from chalicelib.ports.cluster import ProcessStatus

MAX_OBJECT_BYTES = 1024 * 1024
"""etcd takes 1.5 MiB; Kubernetes keeps some for itself."""
LOOK_AGAIN = 2.0
"""Seconds until a process that ended while the cluster was away is looked at again."""


def preflight(run: Run, ports: Ports, time: Slice) -> StepResult:
    """All that can be known to be wrong before anything moves."""
    made = load_snapshot(ports, run.owner, run.snapshot)
    if not ports.registry.has(made.image.repository, made.image.digest):
        return fail(run, "image_missing", f"the image of build v{made.build} is not in the registry any more", "deploy its commit again")
    workload = workload_of(run)
    ports.vault.allow(workload, snapshot_prefix(run.owner))
    if made.secret_names and not ports.vault.readable(workload, snapshot_path(run.owner, run.snapshot)):
        path = snapshot_path(run.owner, run.snapshot)
        return fail(run, "secret_unreadable", f"the service's account cannot read {path}", "this is on Ancla's side; deploy again")
    for manifest in service_set(ports, run.address, run.owner, made, {}):
        size = len(json.dumps(manifest))
        if size > MAX_OBJECT_BYTES:
            return fail(
                run, "manifest_too_large", f"the {manifest['kind']} would have {size:,} bytes", "keep large values outside of the variables"
            )
    return Go(Stage.ANCHOR, run)


def make_anchor(run: Run, ports: Ports, time: Slice) -> StepResult:
    """The namespace, and the object that will own all that this turn applies. Its UID is recorded before anything uses it."""
    if run.kind is RunKind.SCALE:
        active = load_lane(ports, run).active
        if active is None:
            return End(Outcome.UNCHANGED, run, "nothing runs yet: the counts hold for the first deploy")
        made = load_snapshot(ports, run.owner, active.snapshot)
        if _counts(ports, run, made) == dict(active.counts):
            return End(Outcome.UNCHANGED, run, "that many run already")
        run = replace(run, snapshot=active.snapshot, build=active.build).noting(timeout=made.deployment_timeout)
    workspace = load_workspace(ports, run)
    shared = render_shared(workspace, surroundings=surroundings_of(ports.settings))
    ports.cluster.ensure_shared(shared, version=workspace.version)
    manifest = render_anchor(run.address, run.owner, run.turn, Phase.ROLL_OUT)
    anchor = ports.cluster.ensure_anchor(manifest, fence_of(run))
    noted = run.noting(namespace=anchor.namespace, anchor=anchor.name, anchor_uid=anchor.uid)
    return Go(Stage.PREPARE, noted)


def prepare(run: Run, ports: Ports, time: Slice) -> StepResult:
    """The service account, and credentials to pull this one image."""
    made = load_snapshot(ports, run.owner, run.snapshot)
    ports.cluster.apply(identity(ports, run.address, run.owner, made), owner=anchor_of(run), fence=fence_of(run))
    releases = run.kind is not RunKind.SCALE and made.release_command
    return Go(Stage.RELEASE if releases else Stage.ROLL_OUT, run)


def roll_out(run: Run, ports: Ports, time: Slice) -> StepResult:
    made = load_snapshot(ports, run.owner, run.snapshot)
    counts = _counts(ports, run, made)
    manifests = service_set(ports, run.address, run.owner, made, counts)
    ports.cluster.apply(manifests, owner=anchor_of(run), fence=fence_of(run))
    told = narrate(ports, run, "rolling out " + ", ".join(f"{process}={count}" for process, count in counts.items()))
    return Go(Stage.WATCH_ROLL_OUT, replace(told, counts=counts))


def watch_roll_out(run: Run, ports: Ports, time: Slice) -> StepResult:
    statuses = ports.cluster.watch(run.facts["namespace"], deployment_names(run), seconds=time.left())
    if run.attempts:
        run = run.noting(back=ports.clock.now().isoformat())
    failed = next((status for status in statuses if status.failure), None)
    if failed is not None and _is_outdated(failed, run):
        return Wait(LOOK_AGAIN, run)
    if failed is not None:
        return certain_failure(run, failed.process, failed.failure, failed.message)
    if len(statuses) == len(run.counts) and all(status.settled for status in statuses):
        return Go(Stage.REGISTER, narrate(ports, run, "all processes are healthy"))
    said = waited_for(ports.cluster.evidence(run.facts["namespace"], run.owner, anchor_of(run)))
    if said and said != run.facts.get("said"):
        return Wait(0, narrate(ports, run, said).noting(said=said))
    return Wait(0, run)


def _is_outdated(failed: ProcessStatus, run: Run) -> bool:
    """Whether the process ended before the cluster was back. While its API server is away no vault can check who a pod is, so what
    needs secrets cannot begin, and the node tries it again by itself."""
    back = run.facts.get("back")
    return failed.ended_at is not None and back is not None and failed.ended_at <= datetime.fromisoformat(back)


def register(run: Run, ports: Ports, time: Slice) -> StepResult:
    """Into the catalog, so that others find it."""
    made = load_snapshot(ports, run.owner, run.snapshot)
    put_into_catalog(ports, run.address, run.owner, made, fence_of(run))
    return Go(Stage.ACTIVATE, run)


def activate(run: Run, ports: Ports, time: Slice) -> StepResult:
    """The one commit that counts: the lane's active deploy is this one. It may be a while since the roll-out was watched, so it is
    looked at once more."""
    statuses = ports.cluster.watch(run.facts["namespace"], deployment_names(run), seconds=0)
    if len(statuses) < len(run.counts) or not all(status.settled for status in statuses):
        return Go(Stage.WATCH_ROLL_OUT, run)
    active = load_lane(ports, run).active
    if run.kind is RunKind.SCALE and active is not None:
        counts = ", ".join(f"{process}={count}" for process, count in run.counts.items())
        return End(Outcome.SUCCEEDED, run, f"scaled to {counts}", becomes=replace(active, counts=run.counts))
    becomes = Running(
        deploy=run.deploy,
        deploy_id=run.deploy_id,
        snapshot=run.snapshot,
        build=run.build,
        run=run.number,
        counts=run.counts,
    )
    told = narrate(ports, run, f"deploy {run.deploy} is active")
    return End(Outcome.SUCCEEDED, told, f"deploy {run.deploy} is active", becomes=becomes)


def deployment_names(run: Run) -> list[str]:
    return [names.resource_name(run.address, process) for process in run.counts]


def _counts(ports: Ports, run: Run, made: Snapshot) -> dict[str, int]:
    """What is set now: counts are levels, read when a roll-out begins."""
    wanted = load_service(ports, run).process_counts
    return {process: count_of(wanted, process) for process in made.processes}
