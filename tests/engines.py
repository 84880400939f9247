"""Engines in memory, over virtual time: they hold what the pipeline made outside, and can be told to fail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.builds import Image
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.fences import Anchor, Fence, Fenced
from chalicelib.domain.hierarchy import Source
from chalicelib.domain.procfile import parse_procfile
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.names import ANCHOR_LABEL, PROCESS_LABEL, SERVICE_LABEL
from chalicelib.ports.builder import BuildJob, BuildStatus, JobState
from chalicelib.ports.catalog import Entry, Registration
from chalicelib.ports.clock import Clock
from chalicelib.ports.cluster import Manifest, ObjectRef, PodEvidence, PodPhase, PodStatus, ProcessStatus, Rejected
from chalicelib.ports.notifier import Notice
from chalicelib.ports.registry import PullGrant
from chalicelib.ports.source import Revision, SourceProblem
from chalicelib.ports.vault import VaultConflict, Workload


@dataclass
class MemorySource:
    """Git servers: by location, by ref, the commit; by commit, its files."""

    refs: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[str, dict[str, str]] = field(default_factory=dict)

    def push(self, location: str, branch: str, files: Mapping[str, str]) -> str:
        """A new commit at `branch`, which is also the default."""
        commit = hashlib.sha1(repr((location, branch, sorted(files.items()), len(self.files))).encode()).hexdigest()  # noqa: S324
        self.refs.setdefault(location, {}).update({branch: commit, "": commit, commit: commit})
        self.files[commit] = dict(files)
        return commit

    def resolve(self, source: Source, ref: str, files: Sequence[str]) -> Revision:
        if source.location not in self.refs:
            raise SourceProblem("repository_not_found", f"there is no repository at {source.location}", "check its address")
        known = self.refs[source.location]
        if (ref or source.branch) not in known:
            raise SourceProblem("ref_not_found", f"there is no {ref or source.branch!r} in {source.location}", "check its name")
        commit = known[ref or source.branch]
        return Revision(commit, "a change", {path: self.files[commit][path] for path in files if path in self.files[commit]})


@dataclass
class MemoryBuilder:
    """Builds that take `duration` of virtual time. A Procfile whose commit is in `broken` fails."""

    clock: Clock
    source: MemorySource
    registry: MemoryRegistry
    duration: timedelta = timedelta(seconds=2)
    wait: Callable[[float], None] = lambda seconds: None
    """Lets virtual time go by while somebody watches."""
    broken: set[str] = field(default_factory=set)
    jobs: dict[str, tuple[BuildJob, datetime]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)

    def start(self, job: BuildJob) -> None:
        self.jobs.setdefault(job.id, (job, self.clock.now()))

    def lose(self, build_id: str) -> None:
        """The worker of a build dies without a result."""
        self.jobs.pop(build_id, None)

    def watch(self, build_id: str, *, log_offset: int, seconds: float) -> BuildStatus:
        if build_id not in self.jobs:
            return BuildStatus(state=JobState.LOST)
        job, began = self.jobs[build_id]
        log = f"building {job.commit}\n".encode()[log_offset:]
        if build_id in self.cancelled:  # also while it was waited for
            return BuildStatus(state=JobState.FAILED, log=log, code="build_cancelled", message="cancelled")
        if self.clock.now() < began + self.duration and seconds > 0:
            self.wait(min(seconds, 1.0))
        if build_id not in self.cancelled and self.clock.now() < began + self.duration:
            return BuildStatus(state=JobState.RUNNING, log=log)
        if job.commit in self.broken:
            return BuildStatus(state=JobState.FAILED, log=log, code="build_failed", message="RUN ended with exit code 1", hint="mend it")
        digest = "sha256:" + hashlib.sha256(job.commit.encode()).hexdigest()
        self.registry.images.setdefault(job.repository, set()).add(digest)
        processes = parse_procfile(self.source.files[job.commit][job.procfile])
        return BuildStatus(state=JobState.SUCCEEDED, log=log, image=Image(repository=job.repository, digest=digest, processes=processes))

    def cancel(self, build_id: str) -> None:
        self.cancelled.add(build_id)


@dataclass
class MemoryRegistry:
    images: dict[str, set[str]] = field(default_factory=dict)

    def has(self, repository: str, digest: str) -> bool:
        return digest in self.images.get(repository, set())

    def grant_pull(self, service_id: str, repository: str, *, now: datetime) -> PullGrant:
        password = Secret(f"pull {repository}")
        return PullGrant(server="registry.example", username=service_id, password=password, expires=now + timedelta(days=30))

    def remove(self, repository: str, *, digest: str = "") -> None:
        if digest:
            self.images.get(repository, set()).discard(digest)
        else:
            self.images.pop(repository, None)


@dataclass
class MemoryVault:
    entries: dict[str, list[dict[str, Secret]]] = field(default_factory=dict)
    allowed: dict[str, tuple[Workload, str]] = field(default_factory=dict)
    sealed: bool = False

    def read(self, path: str, *, version: int = 0) -> Mapping[str, Secret] | None:
        self._check()
        versions = self.entries.get(path, [])
        if not versions or version > len(versions):
            return None
        return versions[version - 1 if version else -1]

    def newest_version(self, path: str) -> int:
        self._check()
        return len(self.entries.get(path, []))

    def write(self, path: str, values: Mapping[str, Secret], *, cas: int) -> int:
        if self.newest_version(path) != cas:
            raise VaultConflict
        self.entries.setdefault(path, []).append(dict(values))
        return cas + 1

    def allow(self, workload: Workload, path_prefix: str) -> None:
        self._check()
        self.allowed[workload.service_id] = (workload, path_prefix)

    def readable(self, workload: Workload, path: str) -> bool:
        self._check()
        known, prefix = self.allowed.get(workload.service_id, (None, ""))
        return known == workload and path.startswith(prefix) and path in self.entries

    def purge(self, path_prefix: str) -> None:
        for path in [path for path in self.entries if path.startswith(path_prefix)]:
            del self.entries[path]

    def disallow(self, service_id: str) -> None:
        self.allowed.pop(service_id, None)

    def _check(self) -> None:
        if self.sealed:
            raise Unavailable("the vault is sealed", code="vault_sealed", hint="unseal it")


@dataclass
class MemoryCatalog:
    entries: dict[str, Entry] = field(default_factory=dict)
    fences: dict[str, Fence] = field(default_factory=dict)
    tombstones: set[str] = field(default_factory=set)

    def register(self, entry: Entry, fence: Fence) -> None:
        self._pass(entry.service_id, fence)
        self.entries[entry.service_id] = entry

    def deregister(self, service_id: str, fence: Fence, *, for_good: bool = False) -> None:
        if for_good:
            self.tombstones.add(service_id)
        else:
            self._pass(service_id, fence)
        self.entries.pop(service_id, None)

    def list_registrations(self) -> list[Registration]:
        return [Registration(entry=entry, passing=True) for entry in self.entries.values()]

    def _pass(self, service_id: str, fence: Fence) -> None:
        known = self.fences.get(service_id)
        if service_id in self.tombstones or (known is not None and fence.beaten_by(known)):
            raise Fenced
        self.fences[service_id] = fence


@dataclass
class MemoryNotifier:
    notices: dict[str, Notice] = field(default_factory=dict)

    def announce(self, notice: Notice) -> None:
        self.notices.setdefault(notice.key, notice)


@dataclass(frozen=True)
class Held:
    """An object as the cluster holds it."""

    manifest: Manifest
    uid: str
    owner: str
    fence: Fence | None
    applied_at: datetime


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
    objects: dict[ObjectRef, Held] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    pods: dict[str, datetime | None] = field(default_factory=dict)
    """One-off pods by UID: since when they run; None while they are gated."""
    release_takes: timedelta = timedelta(0)
    released: list[str] = field(default_factory=list)
    """UIDs in the order in which their command was started."""
    rejects: str = ""

    def ensure_shared(self, manifests: Sequence[Manifest], *, version: int) -> None:
        for manifest in manifests:
            self.shared[manifest["metadata"]["name"]] = max(version, self.shared.get(manifest["metadata"]["name"], 0))

    def ensure_anchor(self, manifest: Manifest, fence: Fence) -> Anchor:
        ref = _ref(manifest)
        if ref not in self.objects:
            self.objects[ref] = Held(manifest, self.clock.new_id(), "", fence, self.clock.now())
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
            self.objects[ref] = Held(manifest, uid, owner.uid, fence, at)
        self._collect()

    def watch(self, namespace: str, deployments: Sequence[str], *, seconds: float) -> list[ProcessStatus]:
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
            self.objects[ref] = Held(manifest, self.clock.new_id(), owner.uid, fence, self.clock.now())
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
        if self.clock.now() < since + self.release_takes:
            self.wait(min(seconds, 1.0))
            return PodStatus(phase=PodPhase.RUNNING if uid in self.pods else PodPhase.GONE)
        return PodStatus(phase=PodPhase.SUCCEEDED, exit_code=0, log=b"migrated\n"[log_offset:])

    def evidence(self, namespace: str, service_id: str, owner: Anchor) -> list[PodEvidence]:
        return [PodEvidence(pod="p", process="web", state="running, not ready", probe="GET /_health/ answered 500", log_tail=("boom",))]

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
            return ProcessStatus(process=process, wanted=wanted, ready=0, settled=False, failure="process_exited", message="exit code 1")
        settled = digest not in self.unhealthy and self.clock.now() >= held.applied_at + self.start
        return ProcessStatus(process=process, wanted=wanted, ready=wanted if settled else 0, settled=settled)

    def _collect(self) -> None:
        uids = {held.uid for held in self.objects.values()}
        self.objects = {ref: held for ref, held in self.objects.items() if not held.owner or held.owner in uids}


@dataclass
class MemoryEngines:
    source: MemorySource
    builder: MemoryBuilder
    registry: MemoryRegistry
    vault: MemoryVault
    cluster: MemoryCluster
    catalog: MemoryCatalog
    notifier: MemoryNotifier


def memory_engines(clock: Clock) -> MemoryEngines:
    source, registry = MemorySource(), MemoryRegistry()
    return MemoryEngines(
        source=source,
        builder=MemoryBuilder(clock, source, registry),
        registry=registry,
        vault=MemoryVault(),
        cluster=MemoryCluster(clock),
        catalog=MemoryCatalog(),
        notifier=MemoryNotifier(),
    )


def _ref(manifest: Manifest) -> ObjectRef:
    return ObjectRef(manifest["kind"], manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _label(manifest: Manifest, label: str) -> str:
    return str(manifest["metadata"].get("labels", {}).get(label, ""))


def _template(manifest: Manifest) -> Any:
    return manifest.get("spec", {}).get("template")


def _digest(manifest: Manifest) -> str:
    return str(manifest["spec"]["template"]["spec"]["containers"][0]["image"]).split("@")[1]
