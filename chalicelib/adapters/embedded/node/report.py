"""What the cluster port tells about Deployments and pods: read off their stored state, pure but for a log's tail that is handed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.adapters.embedded.node.lifecycle import CERTAIN_EXITS, Phase, PodState, parse_state
from chalicelib.adapters.embedded.node.meter import Reading
from chalicelib.adapters.embedded.node.objects import Object
from chalicelib.adapters.embedded.node.specs import GATES, HASH_LABEL, PROCESS_LABEL, template_hash
from chalicelib.adapters.exits import describe_exit
from chalicelib.ports.cluster import PodEvidence, PodPhase, PodUsage, ProcessStatus

APPLIED_BY = "ancla.dev/applied-by"
"""On a replica set: the UIDs of the anchors under which its template was applied."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A Deployment's pods, ending ones aside."""

    newest: tuple[PodState, ...]
    older: int


def process_status(deployment: Object, rollout: Rollout, *, node_runs: bool) -> ProcessStatus:
    wanted = int(deployment.manifest["spec"].get("replicas", 1))
    available = sum(state.available for state in rollout.newest)
    failure, message = _failure(rollout.newest)
    return ProcessStatus(
        process=deployment.labels.get(PROCESS_LABEL, deployment.name),
        wanted=wanted,
        ready=available if node_runs else 0,
        settled=node_runs and not rollout.older and len(rollout.newest) == available == wanted,
        failure=failure,
        message=message if node_runs or failure else "the node does not run",
    )


def rollout_of(deployment: Object, objects: Sequence[Object]) -> Rollout:
    sets = {item.uid for item in objects if item.kind == "ReplicaSet" and item.owner == deployment.uid}
    newest_hash = template_hash(deployment.manifest["spec"]["template"])
    newest: list[PodState] = []
    older = 0
    for item in objects:
        state = parse_state(item.status)
        if item.kind == "Pod" and item.owner in sets and state.phase is not Phase.STOPPING:
            if item.labels.get(HASH_LABEL) == newest_hash:
                newest.append(state)
            else:
                older += 1
    return Rollout(tuple(newest), older)


def pod_phase(pod: Object) -> PodPhase:
    state = parse_state(pod.status)
    if pod.manifest["spec"].get(GATES):
        return PodPhase.GATED
    return {Phase.SUCCEEDED: PodPhase.SUCCEEDED, Phase.FAILED: PodPhase.FAILED}.get(state.phase, PodPhase.RUNNING)


def applied_under(owner_uid: str, objects: Sequence[Object]) -> list[Object]:
    """The pods of the replica sets whose template was applied under that anchor, and the one-offs that it owns."""
    owners = {owner_uid}
    for item in objects:
        applied_by = item.manifest["metadata"].get("annotations", {}).get(APPLIED_BY, "") if item.kind == "ReplicaSet" else ""
        if owner_uid in applied_by.split():
            owners.add(item.uid)
    return [item for item in objects if item.kind == "Pod" and item.owner in owners]


def pod_evidence(pod: Object, log_tail: tuple[str, ...]) -> PodEvidence:
    state = parse_state(pod.status)
    return PodEvidence(
        pod=pod.name,
        process=pod.labels.get(PROCESS_LABEL, ""),
        state=describe_state(state),
        healthy=did_well(pod),
        exit_code=state.exit_code,
        restarts=max(0, state.run - 1),
        log_tail=log_tail,
        probe=state.probe,
        hint=state.hint,
        events=state.events,
    )


def pod_usage(pod: Object, reading: Reading) -> PodUsage:
    return PodUsage(
        pod=pod.name,
        process=pod.labels.get(PROCESS_LABEL, ""),
        cpu_millicores=reading.cpu_millicores,
        memory_bytes=reading.memory_bytes,
    )


def did_well(pod: Object) -> bool:
    state = parse_state(pod.status)
    return state.phase is Phase.SUCCEEDED or (state.phase is Phase.RUNNING and state.available)


def describe_state(state: PodState) -> str:
    if state.phase is Phase.RUNNING:
        return "running, ready" if state.ready else "running, not ready"
    if state.phase in {Phase.WAITING, Phase.FAILED, Phase.SUCCEEDED}:
        if state.exit_code is None or state.failure == "image_unavailable":
            return f"not started: {state.message}" if state.message else "not started"
        return describe_exit(state.exit_code)
    return "ending" if state.phase is Phase.STOPPING else "not started"


def _failure(newest: Sequence[PodState]) -> tuple[str, str]:
    """The first pod's certain failure; ends that are spread over several pods count together."""
    for state in newest:
        if state.failure:
            return state.failure, state.message
    early = [state for state in newest if state.early_exits]
    if sum(state.early_exits for state in early) >= CERTAIN_EXITS and not any(state.available for state in newest):
        return "process_exited", early[-1].message
    return "", next((text for state in newest if not state.available and (text := state.message or state.probe)), "")
