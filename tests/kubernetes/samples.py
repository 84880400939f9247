"""Objects as an API server gives them, cut down to what is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Object = dict[str, Any]


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def deployment(status: Mapping[str, Any] | None = None, *, replicas: int = 2, revision: str = "2") -> Object:
    """By default the newest template has been looked at, and nothing runs of it."""
    return {
        "metadata": {
            "name": "api-web",
            "uid": "deployment",
            "generation": 3,
            "labels": {"ancla.dev/process": "web"},
            "annotations": {"deployment.kubernetes.io/revision": revision},
        },
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": 3, **(status or {})},
    }


def settled(replicas: int = 2) -> Object:
    return deployment(dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), replicas), replicas=replicas)


def replica_set(uid: str = "newest", revision: str = "2", **annotations: str) -> Object:
    return {
        "metadata": {
            "uid": uid,
            "ownerReferences": [{"uid": "deployment"}],
            "annotations": {"deployment.kubernetes.io/revision": revision, **annotations},
        }
    }


def pod(
    name: str = "api-web-1",
    *,
    of: str = "newest",
    phase: str = "Running",
    ready: bool = False,
    containers: Sequence[Mapping[str, Any]] = (),
    preparing: Sequence[Mapping[str, Any]] = (),
    conditions: Sequence[Mapping[str, Any]] = (),
    age: float = 5,
    **metadata: Any,
) -> Object:
    probe = {"httpGet": {"path": "/healthz", "port": 8000}, "timeoutSeconds": 3}
    return {
        "metadata": {
            "name": name,
            "uid": name,
            "creationTimestamp": ago(age),
            "labels": {"ancla.dev/process": "web"},
            "ownerReferences": [{"uid": of}],
            **metadata,
        },
        "spec": {"containers": [{"name": "app", "readinessProbe": probe}]},
        "status": {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}, *conditions],
            "initContainerStatuses": list(preparing),
            "containerStatuses": list(containers),
        },
    }


def running(*, restarts: int = 0, before: Mapping[str, Any] | None = None, name: str = "app") -> Object:
    state = {"running": {"startedAt": ago(1)}}
    return {"name": name, "image": "shop", "restartCount": restarts, "state": state, "lastState": {"terminated": before} if before else {}}


def waiting(reason: str, message: str = "", *, restarts: int = 0, before: Mapping[str, Any] | None = None, name: str = "app") -> Object:
    return {
        "name": name,
        "image": "shop",
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason, "message": message}},
        "lastState": {"terminated": before} if before else {},
    }


def ended(code: int, *, restarts: int = 0, name: str = "app", **end: Any) -> Object:
    return {"name": name, "image": "shop", "restartCount": restarts, "state": {"terminated": end_of(code, **end)}, "lastState": {}}


def end_of(code: int, *, lived: float = 1, reason: str = "Error", message: str = "") -> Object:
    return {"exitCode": code, "reason": reason, "message": message, "startedAt": ago(10 + lived), "finishedAt": ago(10)}


def event(reason: str, message: str, *, seconds_ago: float = 1) -> Object:
    return {"reason": reason, "message": message, "lastTimestamp": ago(seconds_ago)}
