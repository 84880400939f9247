"""What a pod, its containers and its events have to tell: pure, from the API server's own JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.adapters.exits import describe_exit
from chalicelib.ports.cluster import PodEvidence

PROCESS_LABEL = "ancla.dev/process"
CONTAINER = "app"
KEPT_EVENTS = 10
OUT_OF_MEMORY = "OOMKilled"
_NEVER_RAN = 128
"""What the runtime gives as the exit code of a container that it could not start."""
_STATUS = re.compile(r"statuscode: (\d{3})")
_TOLD_BY_STATE = frozenset({"Killing", "Pulled", "Pulling", "Created", "Started", "Scheduled", "BackOff"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerView:
    """One container: what it is doing, and how it ended last."""

    name: str
    image: str
    waiting: str = ""
    """Why it does not run, in one word, such as `ImagePullBackOff`; empty while it runs or has ended."""
    message: str = ""
    running: bool = False
    exit_code: int | None = None
    """Of its last end."""
    exit_reason: str = ""
    exit_message: str = ""
    lived: float = 0.0
    """Seconds between its last start and its last end."""
    ended_at: str = ""
    """When it ended last."""
    ends: int = 0
    restarts: int = 0


def containers_of(pod: Mapping[str, Any]) -> list[ContainerView]:
    """Those that prepare it first."""
    status = pod.get("status", {})
    told = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return [_container_view(one) for one in told]


def process_container(pod: Mapping[str, Any]) -> ContainerView | None:
    """The container of the process, as soon as the node tells of it."""
    return next((container for container in containers_of(pod) if container.name == CONTAINER), None)


def broken_preparation(pod: Mapping[str, Any]) -> ContainerView | None:
    """The container that prepares the process, where it does not do so."""
    return next((one for one in containers_of(pod) if one.name != CONTAINER and one.exit_code), None)


def is_ready(pod: Mapping[str, Any]) -> bool:
    return condition(pod, "Ready").get("status") == "True" and not is_ending(pod)


def is_ending(pod: Mapping[str, Any]) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def condition(item: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of that type in the object's status; empty when there is none."""
    conditions: Sequence[Mapping[str, Any]] = item.get("status", {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == kind), {})


def did_well(pod: Mapping[str, Any]) -> bool:
    return pod.get("status", {}).get("phase") == "Succeeded" or is_ready(pod)


def describe_pod(pod: Mapping[str, Any]) -> str:
    """Its state in a few words, such as `running, not ready`."""
    if is_ending(pod):
        return "ending"
    if why := cut_off(pod):
        return f"ended by the cluster: {why}"
    broken = broken_preparation(pod)
    if broken is not None:
        return f"not started: its preparation ({broken.name}) {describe_exit(broken.exit_code or 0)}"
    container = process_container(pod)
    if container is not None and container.running:
        return "running, ready" if is_ready(pod) else "running, not ready"
    if container is not None and container.exit_code is not None and container.waiting in {"", "CrashLoopBackOff"}:
        return exit_words(container)
    why = why_waiting(pod)
    return f"not started: {why}" if why else "not started"


def cut_off(pod: Mapping[str, Any]) -> str:
    """Why the cluster ended it, such as `Evicted: The node was low on resource: memory.`; empty where it did not."""
    status = pod.get("status", {})
    told = [str(status[part]) for part in ("reason", "message") if status.get(part)]
    return ": ".join(told) if status.get("phase") == "Failed" else ""


def exit_words(container: ContainerView) -> str:
    """How it ended last."""
    if container.exit_reason == OUT_OF_MEMORY:
        return "was ended for using more memory than it may"
    if container.exit_code == _NEVER_RAN and container.exit_message:
        return f"could not be started: {container.exit_message}"
    return describe_exit(container.exit_code or 0)


def why_waiting(pod: Mapping[str, Any]) -> str:
    """What keeps it from running: of the first container that cannot, or of the scheduler."""
    stuck = next((one for one in containers_of(pod) if one.waiting not in {"", "PodInitializing", "ContainerCreating"}), None)
    if stuck is not None:
        return f"{stuck.waiting}: {stuck.message}" if stuck.message else stuck.waiting
    scheduled = condition(pod, "PodScheduled")
    return str(scheduled.get("message", "")) if scheduled.get("status") == "False" else ""


def pod_evidence(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]], log_tail: tuple[str, ...]) -> PodEvidence:
    container = process_container(pod)
    probe = "" if did_well(pod) else last_probe(pod, events)
    return PodEvidence(
        pod=pod["metadata"]["name"],
        process=pod["metadata"].get("labels", {}).get(PROCESS_LABEL, ""),
        state=describe_pod(pod),
        healthy=did_well(pod),
        exit_code=container.exit_code if container else None,
        restarts=container.restarts if container else 0,
        log_tail=log_tail,
        probe=probe,
        hint=probe_hint(pod, probe),
        events=event_lines(events),
    )


def event_lines(events: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The warnings that say more than the state does, oldest first."""
    told = sorted(events, key=when_told)
    lines = [f"{event.get('reason')}: {event.get('message')}" for event in told if event.get("reason") not in _TOLD_BY_STATE]
    return tuple(dict.fromkeys(lines))[-KEPT_EVENTS:]


def when_told(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")


def last_probe(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str:
    """The last answer to its health check that the kubelet told of, in the words of the other clusters."""
    unhealthy = [event for event in events if event.get("reason") in {"Unhealthy", "ProbeWarning"}]
    if not unhealthy:
        return ""
    said = str(max(unhealthy, key=when_told).get("message", ""))
    get, timeout = _health_check(pod)
    request = f"GET {get.get('path', '/')}"
    if status := _STATUS.search(said):
        return f"{request} answered {status[1]}"
    if "connection refused" in said:
        return f"{request}: nothing listens on port {get.get('port', '')}"
    if "Client.Timeout" in said or "deadline exceeded" in said:
        return f"{request} did not answer within {timeout} s"
    return f"{request}: {said.partition(': ')[2] or said}"


def probe_hint(pod: Mapping[str, Any], probe: str) -> str:
    get, _ = _health_check(pod)
    if "nothing listens on port" in probe:
        return f"make it listen on the port in $PORT ({get.get('port', '')}), on the address 0.0.0.0"
    if "did not answer within" in probe:
        return f"make {get.get('path', '/')} answer faster, or at all"
    return ""


def seconds_since(text: str | None, now: datetime) -> float:
    """How long ago that was; 0 for what has no time."""
    return (now - datetime.fromisoformat(text)).total_seconds() if text else 0.0


def _health_check(pod: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
    """Path and port of the process's health check, and within how many seconds it must answer."""
    containers = pod.get("spec", {}).get("containers", ())
    probe: Mapping[str, Any] = next((one[kind] for one in containers for kind in ("readinessProbe", "startupProbe") if kind in one), {})
    return probe.get("httpGet", {}), int(probe.get("timeoutSeconds", 1))


def _container_view(status: Mapping[str, Any]) -> ContainerView:
    state, before = status.get("state", {}), status.get("lastState", {})
    waiting = state.get("waiting", {})
    end = state.get("terminated") or before.get("terminated") or {}
    restarts = int(status.get("restartCount", 0))
    running = "running" in state
    return ContainerView(
        name=status["name"],
        image=status.get("image", ""),
        waiting=waiting.get("reason", ""),
        message=" ".join(str(waiting.get("message", "")).split()),
        running=running,
        exit_code=end.get("exitCode"),
        exit_reason=end.get("reason", ""),
        exit_message=" ".join(str(end.get("message", "")).split()),
        lived=_lived(end),
        ended_at=end.get("finishedAt") or "",
        ends=restarts if running or not end else restarts + 1,
        restarts=restarts,
    )


def _lived(end: Mapping[str, Any]) -> float:
    """What could not even be started is told to have begun with time itself."""
    started, finished = end.get("startedAt"), end.get("finishedAt")
    if not started or not finished or datetime.fromisoformat(started).timestamp() == 0:
        return 0.0
    return seconds_since(started, datetime.fromisoformat(finished))
