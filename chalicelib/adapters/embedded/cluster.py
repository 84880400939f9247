"""The cluster port on one machine: objects in a file, run by the node (see `node/`), with the fences and owners of a real cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from chalicelib.adapters.embedded.disk import refuse_on_lambda
from chalicelib.adapters.embedded.node import output
from chalicelib.adapters.embedded.node.admission import check_manifest
from chalicelib.adapters.embedded.node.lifecycle import parse_state
from chalicelib.adapters.embedded.node.meter import find_reading
from chalicelib.adapters.embedded.node.objects import Object, Objects, open_objects
from chalicelib.adapters.embedded.node.poke import poke
from chalicelib.adapters.embedded.node.presence import presence
from chalicelib.adapters.embedded.node.report import (
    APPLIED_BY,
    applied_under,
    did_well,
    pod_evidence,
    pod_phase,
    pod_usage,
    process_status,
    rollout_of,
)
from chalicelib.adapters.embedded.node.specs import ANCHOR_LABEL, GATES, HASH_LABEL, SERVICE_LABEL, template_hash
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.fences import Anchor, Fence, Fenced
from chalicelib.ports.clock import Clock
from chalicelib.ports.cluster import FENCE_ANNOTATION, Manifest, ObjectRef, PodEvidence, PodPhase, PodStatus, PodUsage, ProcessStatus

_LOOK_EVERY = 0.02
_EVIDENCE_LINES = 20
_INTERNAL = frozenset({"Pod", "ReplicaSet"})


class EmbeddedCluster:
    def __init__(self, home: Path, clock: Clock) -> None:
        refuse_on_lambda("cluster")
        self._home = home
        self._clock = clock

    def ensure_shared(self, manifests: Sequence[Manifest], *, version: int) -> None:
        with self._writing() as objects:
            for manifest in manifests:
                check_manifest(manifest, objects)
                present = _present(manifest, objects)
                if present is None or int(present.fence) <= version:
                    self._put(manifest, objects, present, fence=str(version))

    def ensure_anchor(self, manifest: Manifest, fence: Fence) -> Anchor:
        with self._writing() as objects:
            check_manifest(manifest, objects)
            present = _present(manifest, objects)
            uid = present.uid if present else self._put(manifest, objects, None, fence=str(fence))
        return Anchor(manifest["metadata"]["namespace"], manifest["metadata"]["name"], uid)

    def apply(self, manifests: Sequence[Manifest], *, owner: Anchor, fence: Fence) -> None:
        with self._writing() as objects:
            present = [_present(manifest, objects) for manifest in manifests]
            for manifest, there in zip(manifests, present, strict=True):
                check_manifest(manifest, objects)
                _check_fence(there, fence)
            for manifest, there in zip(manifests, present, strict=True):
                uid = self._put(manifest, objects, there, fence=str(fence), owner=owner)
                if manifest["kind"] == "Deployment":
                    self._put_replica_set(manifest, uid, objects, owner)

    def watch(self, namespace: str, deployments: Sequence[str], *, seconds: float) -> list[ProcessStatus]:
        deadline = time.monotonic() + seconds
        with open_objects(self._home) as objects:
            while True:
                seen = objects.data_version()
                statuses = self._statuses(namespace, deployments, objects)
                if all(status.settled for status in statuses) or any(status.failure for status in statuses):
                    return statuses
                while objects.data_version() == seen:
                    if time.monotonic() >= deadline:
                        return self._statuses(namespace, deployments, objects)
                    time.sleep(_LOOK_EVERY)

    def list_objects(self, namespace: str, service_id: str) -> Mapping[ObjectRef, str]:
        with open_objects(self._home) as objects:
            return {
                ObjectRef(item.kind, item.namespace, item.name): item.owner
                for item in objects.labelled(namespace, SERVICE_LABEL, service_id)
                if item.kind not in _INTERNAL
            }

    def list_anchors(self, namespace: str, service_id: str) -> Mapping[Anchor, Fence]:
        with open_objects(self._home) as objects:
            return {
                Anchor(item.namespace, item.name, item.uid): Fence.parse(item.fence)
                for item in objects.labelled(namespace, SERVICE_LABEL, service_id)
                if item.labels.get(ANCHOR_LABEL) == "true"
            }

    def delete_anchor(self, anchor: Anchor) -> None:
        with self._writing() as objects:
            objects.delete(anchor.uid)

    def start_gated_pod(self, manifest: Manifest, *, owner: Anchor, fence: Fence) -> str:
        with self._writing() as objects:
            check_manifest(manifest, objects)
            present = _present(manifest, objects)
            if present is not None:
                _check_fence(present, fence)
                return present.uid
            return self._put(manifest, objects, None, fence=str(fence), owner=owner)

    def lift_gate(self, namespace: str, name: str, uid: str) -> None:
        with self._writing() as objects:
            pod = objects.find("Pod", namespace, name)
            if pod is not None and pod.uid == uid:
                spec = {field: value for field, value in pod.manifest["spec"].items() if field != GATES}
                objects.replace(replace(pod, manifest={**pod.manifest, "spec": spec}))

    def watch_pod(self, namespace: str, name: str, uid: str, *, log_offset: int, seconds: float) -> PodStatus:
        deadline = time.monotonic() + seconds
        folder = self._home / "pods" / uid
        with open_objects(self._home) as objects:
            while True:
                pod = objects.find_uid(uid)
                if pod is None or (pod.namespace, pod.name) != (namespace, name):
                    return PodStatus(phase=PodPhase.GONE, message="the pod is not there any more")
                # The phase is read before the log: what a finished pod wrote is then complete.
                phase = pod_phase(pod)
                ended = phase in {PodPhase.SUCCEEDED, PodPhase.FAILED}
                log, more = output.read_output(folder, log_offset, ended=ended)
                if more:  # the end is told together with the last of the output
                    return PodStatus(phase=PodPhase.RUNNING, log=log)
                if log or ended or time.monotonic() >= deadline:
                    state = parse_state(pod.status)
                    never_began = state.failure if state.exit_code is None else ""
                    return PodStatus(phase=phase, exit_code=state.exit_code, failure=never_began, message=state.message, log=log)
                time.sleep(_LOOK_EVERY)

    def delete_ended_pods(self, namespace: str, service_id: str, *, turn: int) -> None:
        """Replicas are never given up here: all that ends are one-off pods, and those carry a fence."""
        idle = {PodPhase.SUCCEEDED, PodPhase.FAILED, PodPhase.GATED}
        with self._writing() as objects:
            for pod in objects.labelled(namespace, SERVICE_LABEL, service_id):
                if pod.kind == "Pod" and pod.fence and Fence.parse(pod.fence).turn <= turn and pod_phase(pod) in idle:
                    objects.delete(pod.uid)

    def evidence(self, namespace: str, service_id: str, owner: Anchor) -> list[PodEvidence]:
        with open_objects(self._home) as objects:
            pods = applied_under(owner.uid, objects.in_namespace(namespace))
        mine = [pod for pod in pods if pod.labels.get(SERVICE_LABEL) == service_id]
        return [
            pod_evidence(pod, output.tail(self._home / "pods" / pod.uid, _EVIDENCE_LINES))
            for pod in sorted(mine, key=lambda pod: (did_well(pod), pod.name))
        ]

    def usage(self, namespace: str, service_id: str) -> list[PodUsage] | None:
        """Of running processes only, and never None: a node always measures."""
        with open_objects(self._home) as objects:
            pods = [item for item in objects.labelled(namespace, SERVICE_LABEL, service_id) if item.kind == "Pod"]
        read = [(pod, find_reading(self._home / "pods" / pod.uid, parse_state(pod.status).run, time.time())) for pod in pods]
        return [pod_usage(pod, reading) for pod, reading in read if reading and pod_phase(pod) is PodPhase.RUNNING]

    @contextmanager
    def _writing(self) -> Iterator[Objects]:
        """One transaction, and the node knows of it."""
        with open_objects(self._home) as objects, objects.transaction():
            yield objects
        poke(self._home)

    def _put(self, manifest: Manifest, objects: Objects, present: Object | None, *, fence: str, owner: Anchor | None = None) -> str:
        """Creates the object, or replaces the one that was read; one that is so already is left alone. Returns its UID."""
        metadata = manifest["metadata"]
        wanted = Object(
            uid=present.uid if present else self._clock.new_id(),
            kind=manifest["kind"],
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            resource_version=present.resource_version if present else 1,
            owner=owner.uid if owner else "",
            fence=fence,
            manifest=_marked(manifest, fence, owner),
            status=present.status if present else {},
        )
        done = wanted == present or (objects.replace(wanted) if present else objects.create(wanted))
        if not done:
            raise AssertionError(f"{wanted.kind} {wanted.name!r} was written inside another's transaction")
        return wanted.uid

    def _put_replica_set(self, deployment: Manifest, deployment_uid: str, objects: Objects, owner: Anchor) -> None:
        """Records the template, and that this anchor applied it: its pods' evidence is asked for by anchor."""
        metadata = deployment["metadata"]
        template = deployment["spec"]["template"]
        name = f"{metadata['name']}-{template_hash(template)}"
        present = objects.find("ReplicaSet", metadata["namespace"], name)
        if present is not None and present.owner != deployment_uid:
            # It belonged to a Deployment of the same name that is gone; its pods end as garbage.
            objects.delete(present.uid)
            present = None
        before = present.manifest["metadata"]["annotations"][APPLIED_BY].split() if present else []
        applied_by = [uid for uid in before if uid != owner.uid and objects.find_uid(uid)] + [owner.uid]
        manifest: dict[str, Any] = {
            "metadata": {
                "labels": {**metadata.get("labels", {}), HASH_LABEL: template_hash(template)},
                "annotations": {APPLIED_BY: " ".join(applied_by)},
            },
        }
        if present:
            objects.replace(replace(present, manifest=manifest))
            return
        objects.create(
            Object(
                uid=self._clock.new_id(),
                kind="ReplicaSet",
                namespace=metadata["namespace"],
                name=name,
                owner=deployment_uid,
                manifest=manifest,
            )
        )

    def _statuses(self, namespace: str, deployments: Sequence[str], objects: Objects) -> list[ProcessStatus]:
        node_runs = presence(self._home) is not None
        # Each is read with what belongs to it alone: watches look again at every change of anything.
        return [_status(name, objects.family("Deployment", namespace, name), node_runs=node_runs) for name in deployments]


def _status(name: str, family: Sequence[Object], *, node_runs: bool) -> ProcessStatus:
    deployment = next((item for item in family if item.kind == "Deployment"), None)
    if deployment is None:
        return ProcessStatus(process=name, wanted=0, ready=0, settled=False, message=f"there is no Deployment {name!r}")
    return process_status(deployment, rollout_of(deployment, family), node_runs=node_runs)


def _present(manifest: Manifest, objects: Objects) -> Object | None:
    metadata = manifest["metadata"]
    return objects.find(manifest["kind"], metadata.get("namespace", ""), metadata["name"])


def _check_fence(present: Object | None, fence: Fence) -> None:
    """Raises Fenced when a later holder wrote the object."""
    if present is None or not present.fence:
        return
    before = Fence.parse(present.fence)
    if before.service_id != fence.service_id:
        # Of two services that had the same address, one after the other: which came later cannot be told here, and what the
        # earlier one left is collected in a moment.
        raise Unavailable(f"{present.kind} {present.name!r} belongs to another service", code="object_of_another_service")
    if fence.beaten_by(before):
        raise Fenced(f"{present.kind} {present.name!r} was written by turn {before.turn} since")


def _marked(manifest: Manifest, fence: str, owner: Anchor | None) -> dict[str, Any]:
    """The manifest with fence and owner on its own metadata; never inside the pod template, where they would restart pods."""
    metadata = manifest["metadata"]
    marked = {**metadata, "annotations": {**metadata.get("annotations", {}), FENCE_ANNOTATION: fence}}
    if owner is not None:
        marked["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": owner.name, "uid": owner.uid}]
    return {**manifest, "metadata": marked}
