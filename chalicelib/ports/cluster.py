"""Where services run: Kubernetes, or processes on one machine that take the same manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from chalicelib.domain.fences import Anchor, Fence

Manifest = Mapping[str, Any]
"""A Kubernetes object as plain data, as `chalicelib/manifests` renders it."""

FENCE_ANNOTATION = "ancla.dev/fence"
"""On the metadata of every fenced object, never in a pod template: the text of the Fence that wrote it."""


class Rejected(Exception):
    """The cluster takes the object for wrong or not allowed: `message` says which and why, in the cluster's own words."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStatus:
    """One process type's roll-out. `settled`: the newest template has all wanted pods, ready, and none of an older one is left."""

    process: str
    wanted: int
    ready: int
    settled: bool
    failure: str = ""
    """A code as soon as it is certain that it will not get ready: process_exited, image_unavailable, out_of_memory, unschedulable,
    command_not_found. Empty while there is hope: whether time is up is for the caller to say."""
    message: str = ""
    ended_at: datetime | None = None
    """With a failure that is a process's end: when that was. None: it holds now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodEvidence:
    """What one pod that did not do well has to tell."""

    pod: str
    process: str
    state: str
    """Such as `exited with code 1`, `running, not ready`."""
    healthy: bool = False
    """It did what was asked of it: others are to blame."""
    exit_code: int | None = None
    restarts: int = 0
    log_tail: tuple[str, ...] = ()
    probe: str = ""
    """The last answer to its health check, such as `GET /_health/ answered 500: boom`."""
    hint: str = ""
    """What the cluster knows beyond that, such as that nothing listens on PORT."""
    events: tuple[str, ...] = ()


class PodPhase(StrEnum):
    GATED = "gated"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    GONE = "gone"
    """There is no pod of that name with that UID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodStatus:
    phase: PodPhase
    exit_code: int | None = None
    failure: str = ""
    """A code as soon as it is certain that it will not start, as of a ProcessStatus: nothing of it ran."""
    message: str = ""
    log: bytes = b""
    """Its output from the offset on that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodUsage:
    """What one pod uses now, over all that runs in it."""

    pod: str
    process: str
    cpu_millicores: int
    """Over the last seconds that were measured; 1000 is one processor kept busy."""
    memory_bytes: int


class Cluster(Protocol):
    """Fenced writes: an object that is there is read, its fence compared, and written on condition that it is still the one that
    was read; one that is not there is created, never applied. Objects that `owner` owns vanish with it."""

    def ensure_shared(self, manifests: Sequence[Manifest], *, version: int) -> None:
        """Namespace and what else a workspace's services share, fenced by the workspace record's `version` (an older one changes
        nothing and is no error)."""

    def ensure_anchor(self, manifest: Manifest, fence: Fence) -> Anchor:
        """The anchor of a turn's phase, made now unless it exists (then as it is: same name, same UID)."""

    def apply(self, manifests: Sequence[Manifest], *, owner: Anchor, fence: Fence) -> None:
        """Makes each object what its manifest says, owned by `owner`. Raises Fenced or Rejected."""

    def watch(self, namespace: str, deployments: Sequence[str], *, seconds: float) -> list[ProcessStatus]:
        """Looks at these Deployments, and returns as soon as all are settled or one has a failure, at the latest after `seconds`
        (also when something changed in between, if the adapter sees it)."""

    def list_objects(self, namespace: str, service_id: str) -> Mapping[ObjectRef, str]:
        """All objects of the service (label `ancla.dev/service-id`) but pods, with the UID of each one's owner; anchors have ''."""

    def list_anchors(self, namespace: str, service_id: str) -> Mapping[Anchor, Fence]: ...

    def delete_anchor(self, anchor: Anchor) -> None:
        """Deletes it; what it still owns goes with it. One that is gone is no error."""

    def start_gated_pod(self, manifest: Manifest, *, owner: Anchor, fence: Fence) -> str:
        """Makes the one-off pod (it has a scheduling gate, so nothing runs yet) unless it exists, and returns its UID."""

    def lift_gate(self, namespace: str, name: str, uid: str) -> None:
        """Lets that very pod run. Lifted already, or gone, is no error."""

    def watch_pod(self, namespace: str, name: str, uid: str, *, log_offset: int, seconds: float) -> PodStatus:
        """Looks at that very pod, and returns as soon as it ended, cannot start, is gone or wrote beyond `log_offset`; at the latest after
        `seconds`."""

    def delete_ended_pods(self, namespace: str, service_id: str, *, turn: int) -> None:
        """Deletes the service's pods that have ended and are only looked at: replicas that the cluster gave up, and one-off pods of
        this turn and earlier ones. One of them that is still gated came too late, and nobody will ever lift it: it goes too."""

    def evidence(self, namespace: str, service_id: str, owner: Anchor) -> list[PodEvidence]:
        """What the pods of templates that `owner` applied have to tell."""

    def usage(self, namespace: str, service_id: str) -> list[PodUsage] | None:
        """What the service's pods use, by name. A pod that has just begun is not among them: it is measured some 15 to 30 seconds
        later. None where nothing measures, as in a cluster without a metrics server: for a caller that is no error. Raises
        Unavailable where what measures does not answer."""
