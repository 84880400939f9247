"""A cluster in memory: objects with owners and fences, one-off pods, and a garbage collector."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.fences import Anchor, Fence, Fenced
from chalicelib.manifests.names import ANCHOR_LABEL, PROCESS_LABEL, SERVICE_LABEL
from chalicelib.ports.clock import Clock
from chalicelib.ports.cluster import Manifest, ObjectRef, PodEvidence, PodPhase, PodStatus, PodUsage, ProcessStatus, Rejected


@dataclass(frozen=True)
class Held:
    """An object as the cluster holds it."""

    manifest: Manifest
    uid: str
    owner: str
    fence: Fence | None
    applied_at: datetime
    """When its pod template changed last."""
    written_at: datetime


@dataclass
class MemoryCluster:
    """Objects with owners and fences. A Deployment settles `start` after its template changed, unless its image's digest is in
    `unhealthy` (never gets ready) or `crashing` (certain failure). The garbage collector runs at every call."""

    clock: Clock
    start: timedelta = timedelta(seconds=1)
    wait: Callable[[float], None] = lambda seconds: None
    """Lets virtual time go by while somebody watches."""
    unhealthy: set[str] = field(default_factory=set)
    crashing: set[str] = field(default_factory=set)
    ended_at: datetime | None = None
    """When the processes of `crashing` ended last."""
    away_until: datetime | None = None
    """Until then nobody can look at roll-outs."""
    objects: dict[ObjectRef, Held] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    pods: dict[str, datetime | None] = field(default_factory=dict)
    """One-off pods by UID: since when they run; None while they are gated."""
    release_takes: timedelta = timedelta(0)
    release_ends_with: int = 0
    unstartable: bool = False
    """Whether one-off pods cannot get their image."""
    released: list[str] = field(default_factory=list)
    """UIDs in the order in which their command was started."""
    rejects: str = ""
    settles_again: datetime | None = None
    """Until then nothing gets ready: no node has room, or no image can be pulled."""

    def ensure_shared(self, manifests: Sequence[Manifest], *, version: int) -> None:
        for manifest in manifests:
            self.shared[manifest["metadata"]["name"]] = max(version, self.shared.get(manifest["metadata"]["name"], 0))

    def ensure_anchor(self, manifest: Manifest, fence: Fence) -> Anchor:
        ref = _ref(manifest)
        if ref not in self.objects:
            self.objects[ref] = Held(manifest, self.clock.new_id(), "", fence, self.clock.now(), self.clock.now())
        return Anchor(ref.namespace, ref.name, self.objects[ref].uid)

    def apply(self, manifests: Sequence[Manifest], *, owner: Anchor, fence: Fence) -> None:
        if self.rejects:
            raise Rejected(self.rejects)
        for manifest in manifests:
            ref = _ref(manifest)
            held = self.objects.get(ref)
            if held is not None and held.fence is not None and (held.fence.service_id != fence.service_id or fence.beaten_by(held.fence)):
                raise Fenced
            same = held is not None and _template(held.manifest) == _template(manifest)
            at = held.applied_at if held is not None and same else self.clock.now()
            uid = held.uid if held is not None else self.clock.new_id()
            self.objects[ref] = Held(manifest, uid, owner.uid, fence, at, self.clock.now())
        self._collect()

    def watch(self, namespace: str, deployments: Sequence[str], *, seconds: float) -> list[ProcessStatus]:
        if self.away_until is not None and self.clock.now() < self.away_until:
            raise Unavailable("the API server does not answer", code="kubernetes_unavailable")
        statuses = self._statuses(namespace, deployments)
        if seconds > 0 and not any(status.failure for status in statuses) and not all(status.settled for status in statuses):
            self.wait(min(seconds, 1.0))
            return self._statuses(namespace, deployments)
        return statuses

    def list_objects(self, namespace: str, service_id: str) -> Mapping[ObjectRef, str]:
        self._collect()
        return {
            ref: held.owner
            for ref, held in self.objects.items()
            if ref.kind != "Pod" and _label(held.manifest, SERVICE_LABEL) == service_id
        }

    def list_anchors(self, namespace: str, service_id: str) -> Mapping[Anchor, Fence]:
        return {
            Anchor(ref.namespace, ref.name, held.uid): held.fence
            for ref, held in self.objects.items()
            if _label(held.manifest, ANCHOR_LABEL) and _label(held.manifest, SERVICE_LABEL) == service_id and held.fence is not None
        }

    def delete_anchor(self, anchor: Anchor) -> None:
        ref = ObjectRef("ConfigMap", anchor.namespace, anchor.name)
        if ref in self.objects and self.objects[ref].uid == anchor.uid:
            del self.objects[ref]
        self._collect()

    def start_gated_pod(self, manifest: Manifest, *, owner: Anchor, fence: Fence) -> str:
        ref = _ref(manifest)
        if ref not in self.objects:
            self.objects[ref] = Held(manifest, self.clock.new_id(), owner.uid, fence, self.clock.now(), self.clock.now())
            self.pods[self.objects[ref].uid] = None
        return self.objects[ref].uid

    def lift_gate(self, namespace: str, name: str, uid: str) -> None:
        if uid in self.pods and self.pods[uid] is None:
            self.pods[uid] = self.clock.now()
            self.released.append(uid)

    def lose_pod(self, uid: str) -> None:
        self.pods.pop(uid, None)
        self.objects = {ref: held for ref, held in self.objects.items() if held.uid != uid}

    def watch_pod(self, namespace: str, name: str, uid: str, *, log_offset: int, seconds: float) -> PodStatus:
        if uid not in self.pods:
            return PodStatus(phase=PodPhase.GONE)
        since = self.pods[uid]
        if since is None:
            return PodStatus(phase=PodPhase.GATED)
        if self.unstartable:
            return PodStatus(phase=PodPhase.RUNNING, failure="image_unavailable", message="shop/web: not found")
        log = b"migrated\n"[log_offset:]
        if self.clock.now() < since + self.release_takes:
            self.wait(min(seconds, 1.0))
            return PodStatus(phase=PodPhase.RUNNING, log=log) if uid in self.pods else PodStatus(phase=PodPhase.GONE)
        phase = PodPhase.FAILED if self.release_ends_with else PodPhase.SUCCEEDED
        return PodStatus(phase=phase, exit_code=self.release_ends_with, log=log)

    def delete_ended_pods(self, namespace: str, service_id: str, *, turn: int) -> None:
        ended = {
            held.uid
            for ref, held in self.objects.items()
            if ref.kind == "Pod" and _label(held.manifest, SERVICE_LABEL) == service_id and held.fence and held.fence.turn <= turn
            if held.uid in self.pods and ((since := self.pods[held.uid]) is None or self.clock.now() >= since + self.release_takes)
        }
        for uid in ended:
            self.lose_pod(uid)

    def evidence(self, namespace: str, service_id: str, owner: Anchor) -> list[PodEvidence]:
        return [PodEvidence(pod="p", process="web", state="running, not ready", probe="GET /_health/ answered 500", log_tail=("boom",))]

    def usage(self, namespace: str, service_id: str) -> list[PodUsage] | None:
        """Nothing measures here."""
        return None

    def running(self, service_id: str) -> dict[str, str]:
        """What serves: the image's digest by process type."""
        self._collect()
        return {
            _label(held.manifest, PROCESS_LABEL): _digest(held.manifest)
            for ref, held in self.objects.items()
            if ref.kind == "Deployment" and _label(held.manifest, SERVICE_LABEL) == service_id
        }

    def _statuses(self, namespace: str, deployments: Sequence[str]) -> list[ProcessStatus]:
        self._collect()
        found = [self.objects.get(ObjectRef("Deployment", namespace, name)) for name in deployments]
        return [self._status(held) for held in found if held is not None]

    def _status(self, held: Held) -> ProcessStatus:
        wanted = int(held.manifest["spec"].get("replicas", 1))
        digest = _digest(held.manifest)
        process = _label(held.manifest, PROCESS_LABEL)
        if digest in self.crashing:
            said, at = "exit code 1", self.ended_at
            return ProcessStatus(
                process=process, wanted=wanted, ready=0, settled=False, failure="process_exited", message=said, ended_at=at
            )
        began = held.applied_at
        if self.settles_again is not None and began <= self.settles_again:
            began = self.settles_again
        settled = digest not in self.unhealthy and self.clock.now() >= began + self.start
        return ProcessStatus(process=process, wanted=wanted, ready=wanted if settled else 0, settled=settled)

    def _collect(self) -> None:
        uids = {held.uid for held in self.objects.values()}
        self.objects = {ref: held for ref, held in self.objects.items() if not held.owner or held.owner in uids}


def _ref(manifest: Manifest) -> ObjectRef:
    return ObjectRef(manifest["kind"], manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _label(manifest: Manifest, label: str) -> str:
    return str(manifest["metadata"].get("labels", {}).get(label, ""))


def _template(manifest: Manifest) -> Any:
    return manifest.get("spec", {}).get("template")


def _digest(manifest: Manifest) -> str:
    return str(manifest["spec"]["template"]["spec"]["containers"][0]["image"]).split("@")[1]
