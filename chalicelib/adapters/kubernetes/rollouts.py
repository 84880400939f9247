"""How far a Deployment is, and whether it is certain that it will not get there: pure, from the API server's own JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.adapters.exits import NOT_EXECUTABLE, NOT_FOUND, describe_end
from chalicelib.adapters.kubernetes.pods import (
    OUT_OF_MEMORY,
    PROCESS_LABEL,
    ContainerView,
    broken_preparation,
    condition,
    containers_of,
    describe_pod,
    exit_words,
    is_ending,
    is_ready,
    process_container,
    seconds_since,
    why_waiting,
)
from chalicelib.ports.cluster import ProcessStatus

REVISION = "deployment.kubernetes.io/revision"
CERTAIN_ENDS = 2
"""So many ends before a process ever was ready make it certain that it will not be."""
LONG_LIFE = 60.0
"""Seconds. A process that lived so long was not one that cannot start."""

_PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_NO_SUCH_IMAGE = re.compile(
    r"not found|manifest unknown|invalid reference|InvalidImageName|ErrImageNeverPull|fetch oauth token: unexpected status: 40[13]",
    re.IGNORECASE,
)
_NOT_LET_IN = re.compile(
    r"fetch (anonymous|oauth) token|retrieve auth token|unauthorized|authorization failed|denied|forbidden",
    re.IGNORECASE,
)
"""Not certain at once: a kubelet asks without the pull secret where the API server does not know yet that the node may read that (its
authorizer hears of a pod as late as anybody), and asks with it the next time."""
_NO_COMMAND = re.compile(r"exec: .*(executable file not found|no such file or directory|permission denied)|exec format error")
_ENDS = frozenset({"process_exited", "command_not_found", "out_of_memory"})
_DENIED = re.compile(r"violates PodSecurity|admission webhook|denied the request")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds for which something must last before it counts as certain, since a cluster gets over it by itself in that time."""

    unschedulable: float = 8.0
    """Others that end make room meanwhile, or an autoscaler says that it adds a node."""
    unpullable: float = 8.0
    """The registry was away for a moment."""
    unauthorized: float = 30.0
    """The node asked without the pull secret, or nobody handed out a token. It is Ancla that does, and its own absence is not held
    against a deploy. The node tries again meanwhile, after 10 to 15 seconds."""
    refused: float = 8.0
    """Others that end are counted against the quota until they are gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is seen of a service at one moment."""

    replica_sets: Sequence[Mapping[str, Any]]
    pods: Sequence[Mapping[str, Any]]
    now: datetime
    growing: bool = False
    """The cluster said that it adds a node."""

    @property
    def makes_room(self) -> bool:
        """Some of the service's own pods are about to end."""
        return any(map(is_ending, self.pods))


def missing(name: str) -> ProcessStatus:
    return ProcessStatus(process=name, wanted=0, ready=0, settled=False, message=f"there is no Deployment {name!r}")


def is_settled(deployment: Mapping[str, Any]) -> bool:
    """The newest template has all wanted pods, available, and none of an older one is left."""
    status = deployment.get("status", {})
    wanted = _wanted(deployment)
    counts = [status.get(count, 0) for count in ("replicas", "updatedReplicas", "availableReplicas")]
    return _is_observed(deployment) and counts == [wanted] * 3


def process_status(deployment: Mapping[str, Any], sight: Sight, patience: Patience) -> ProcessStatus:
    process = deployment["metadata"].get("labels", {}).get(PROCESS_LABEL, deployment["metadata"]["name"])
    wanted = _wanted(deployment)
    if is_settled(deployment):
        return ProcessStatus(process=process, wanted=wanted, ready=wanted, settled=True)
    pods = newest_pods(deployment, sight)
    failure, message = _failure(deployment, pods, sight, patience)
    return ProcessStatus(
        process=process,
        wanted=wanted,
        ready=min(wanted, sum(map(is_ready, pods))),
        settled=False,
        failure=failure,
        message=message or _what_is_awaited(pods),
        ended_at=_last_end(pods) if failure in _ENDS else None,
    )


def newest_pods(deployment: Mapping[str, Any], sight: Sight) -> list[Mapping[str, Any]]:
    """The pods of the newest template, ending ones aside; none until the cluster has looked at it."""
    if not _is_observed(deployment):
        return []
    uid, revision = deployment["metadata"]["uid"], _revision(deployment)
    newest = {one["metadata"]["uid"] for one in sight.replica_sets if uid in owners(one) and _revision(one) == revision}
    return [pod for pod in sight.pods if newest & owners(pod) and not is_ending(pod)]


def owners(item: Mapping[str, Any]) -> set[str]:
    return {owner["uid"] for owner in item["metadata"].get("ownerReferences") or ()}


def unscheduled(pods: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The pods that no node has room for."""
    return [pod for pod in pods if condition(pod, "PodScheduled").get("reason") == "Unschedulable" and not is_ending(pod)]


def _failure(deployment: Mapping[str, Any], pods: Sequence[Mapping[str, Any]], sight: Sight, patience: Patience) -> tuple[str, str]:
    """The first certain failure, and what is known in words; ends that are spread over several pods count together."""
    refused = _refused(deployment, sight, patience)
    if refused[0]:
        return refused
    for pod in pods:
        failure = _pod_failure(pod, sight, patience)
        if failure[0]:
            return failure
    early = [container for pod in pods if not is_ready(pod) and (container := _ended_early(pod))]
    if sum(container.ends for container in early) >= CERTAIN_ENDS and not any(map(is_ready, pods)):
        return _end_of(early[-1])
    return "", refused[1]


def _refused(deployment: Mapping[str, Any], sight: Sight, patience: Patience) -> tuple[str, str]:
    """The cluster does not let the Deployment make its pods."""
    failed = condition(deployment, "ReplicaFailure")
    if failed.get("status") != "True":
        return "", ""
    said = str(failed.get("message", ""))
    if _DENIED.search(said):
        return "admission_denied", said
    full = "exceeded quota" in said
    if seconds_since(failed.get("lastTransitionTime"), sight.now) < patience.refused or (full and sight.makes_room):
        return "", said
    return ("quota_exceeded" if full else "admission_denied"), said


def start_failure(pod: Mapping[str, Any], sight: Sight, patience: Patience) -> tuple[str, str]:
    """What makes it certain that it will not start, and what is known in words; empty while there is hope."""
    for container in containers_of(pod):
        if container.waiting in _PULLING:
            said = f"{container.image}: {container.message or container.waiting}"
            bearable = patience.unauthorized if _NOT_LET_IN.search(container.message) else patience.unpullable
            lasting = seconds_since(pod["metadata"].get("creationTimestamp"), sight.now) >= bearable
            if lasting or _NO_SUCH_IMAGE.search(f"{container.waiting} {container.message}"):
                return "image_unavailable", said
        if container.waiting == "CreateContainerConfigError" and "runAsNonRoot" in container.message:
            return "image_runs_as_root", f"the image would run as root, which the cluster does not allow: {container.message}"
    if unscheduled([pod]) and not (sight.makes_room or sight.growing):
        scheduled = condition(pod, "PodScheduled")
        if seconds_since(scheduled.get("lastTransitionTime"), sight.now) >= patience.unschedulable:
            return "unschedulable", str(scheduled.get("message", ""))
    return "", ""


def _pod_failure(pod: Mapping[str, Any], sight: Sight, patience: Patience) -> tuple[str, str]:
    failure = start_failure(pod, sight, patience)
    if failure[0]:
        return failure
    ended = _ended_early(pod)
    if ended is not None and not is_ready(pod) and (ended.ends >= CERTAIN_ENDS or _has_no_command(ended)):
        return _end_of(ended)
    return "", ""


def _ended_early(pod: Mapping[str, Any]) -> ContainerView | None:
    """The pod's container that ended, before it was ready as far as can be told."""
    container = broken_preparation(pod) or process_container(pod)
    return container if container is not None and container.ends and container.lived < LONG_LIFE else None


def _last_end(pods: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When a process of theirs ended last before it was ready."""
    ends = [container.ended_at for pod in pods if (container := _ended_early(pod)) and container.ended_at]
    return datetime.fromisoformat(max(ends)) if ends else None


def _end_of(container: ContainerView) -> tuple[str, str]:
    if container.exit_reason == OUT_OF_MEMORY:
        return "out_of_memory", exit_words(container)
    code = "command_not_found" if _has_no_command(container) else "process_exited"
    return code, exit_words(container) if container.exit_message else describe_end(container.exit_code or 0, was_ready=False)


def _has_no_command(container: ContainerView) -> bool:
    """Starting it again does not help: what it was to run is not in the image. The program in front of the process tells so by its
    exit code, the node in words."""
    return container.exit_code in {NOT_FOUND, NOT_EXECUTABLE} or _NO_COMMAND.search(container.exit_message) is not None


def _what_is_awaited(pods: Sequence[Mapping[str, Any]]) -> str:
    """Of the first pod that is not ready."""
    waiting = next((pod for pod in pods if not is_ready(pod)), None)
    return (why_waiting(waiting) or describe_pod(waiting)) if waiting is not None else ""


def _wanted(deployment: Mapping[str, Any]) -> int:
    return int(deployment["spec"].get("replicas", 1))


def _is_observed(deployment: Mapping[str, Any]) -> bool:
    return bool(deployment.get("status", {}).get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0))


def _revision(item: Mapping[str, Any]) -> str:
    return str((item["metadata"].get("annotations") or {}).get(REVISION, ""))
