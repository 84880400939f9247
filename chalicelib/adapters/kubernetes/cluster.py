"""The cluster port over Kubernetes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from chalicelib.adapters.kubernetes.api import METADATA_LIST, Answer, Api
from chalicelib.adapters.kubernetes.findings import evidence_of, is_growing, pods_applied_under
from chalicelib.adapters.kubernetes.kinds import OWNED, called, place
from chalicelib.adapters.kubernetes.metrics import usage_of
from chalicelib.adapters.kubernetes.nodes import with_node_troubles
from chalicelib.adapters.kubernetes.one_offs import lift_gate, phase_of, watch_pod
from chalicelib.adapters.kubernetes.refusals import Refusal, meaning
from chalicelib.adapters.kubernetes.rollouts import (
    Patience,
    Sight,
    is_settled,
    missing,
    owners,
    process_status,
    start_failure,
    unscheduled,
)
from chalicelib.adapters.kubernetes.watching import LOOK_EVERY, Asked, Picture, labelled, listed
from chalicelib.adapters.kubernetes.writes import (
    check_fence,
    ensure,
    fence_text,
    find_present,
    holds,
    marked,
    uid_of,
    write,
)
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.fences import Anchor, Fence
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.names import ANCHOR_LABEL, SERVICE_LABEL
from chalicelib.ports.clock import Clock
from chalicelib.ports.cluster import Manifest, ObjectRef, PodEvidence, PodPhase, PodStatus, PodUsage, ProcessStatus

RIGHTS_WITHIN = 2.0
"""Seconds in which a binding of rights, which is among what is shared, counts for what comes after it."""
_IDLE = frozenset({PodPhase.SUCCEEDED, PodPhase.FAILED, PodPhase.GATED})


class KubernetesCluster:
    def __init__(self, clock: Clock, api: Api, *, patience: Patience | None = None) -> None:
        self._clock = clock
        self._api = api
        self._patience = patience or Patience()

    def ensure_shared(self, manifests: Sequence[Manifest], *, version: int) -> None:
        deadline = time.monotonic() + RIGHTS_WITHIN
        for _, alike in groupby(manifests, key=lambda manifest: str(manifest["kind"])):
            of_a_kind = list(alike)
            while True:
                try:
                    self._write_shared(of_a_kind, version)
                    break
                except Unavailable as error:
                    if error.code != "cluster_forbidden" or time.monotonic() > deadline:
                        raise
                time.sleep(LOOK_EVERY / 5)

    def ensure_anchor(self, manifest: Manifest, fence: Fence) -> Anchor:
        there = ensure(self._api, marked(manifest, str(fence), None))
        return Anchor(manifest["metadata"]["namespace"], manifest["metadata"]["name"], uid_of(there))

    def apply(self, manifests: Sequence[Manifest], *, owner: Anchor, fence: Fence) -> None:
        read = [find_present(self._api, manifest) for manifest in manifests]
        for manifest, present in zip(manifests, read, strict=True):
            check_fence(present, fence, called(manifest))
        for manifest, present in zip(manifests, read, strict=True):
            self._write_fenced(manifest, present, owner, fence)

    def watch(self, namespace: str, deployments: Sequence[str], *, seconds: float) -> list[ProcessStatus]:
        deadline = time.monotonic() + seconds
        while True:
            there = [found for name in deployments if (found := self._find_deployment(namespace, name))]
            if len(there) == len(deployments) and all(map(is_settled, there)):
                return self._statuses(deployments, there, Sight(replica_sets=(), pods=(), now=self._clock.now()))
            if there:
                break
            if time.monotonic() >= deadline:
                return [missing(name) for name in deployments]
            time.sleep(min(LOOK_EVERY, max(0.0, deadline - time.monotonic())))
        service = labelled({SERVICE_LABEL: there[0]["metadata"]["labels"][SERVICE_LABEL]})
        picture = Picture(self._api, [Asked(kind, namespace, service) for kind in ("Deployment", "ReplicaSet", "Pod")])
        return self._watch_picture(picture, deployments, deadline)

    def list_objects(self, namespace: str, service_id: str) -> Mapping[ObjectRef, str]:
        found: dict[ObjectRef, str] = {}
        for kind in OWNED:
            for item in self._listed(kind, namespace, {SERVICE_LABEL: service_id}):
                found[ObjectRef(kind, namespace, item["metadata"]["name"])] = next(iter(owners(item)), "")
        return found

    def list_anchors(self, namespace: str, service_id: str) -> Mapping[Anchor, Fence]:
        anchors = self._listed("ConfigMap", namespace, {SERVICE_LABEL: service_id, ANCHOR_LABEL: "true"})
        return {Anchor(namespace, one["metadata"]["name"], uid_of(one)): Fence.parse(fence_text(one)) for one in anchors}

    def delete_anchor(self, anchor: Anchor) -> None:
        self._delete("ConfigMap", anchor.namespace, anchor.name, anchor.uid)

    def start_gated_pod(self, manifest: Manifest, *, owner: Anchor, fence: Fence) -> str:
        there = ensure(self._api, marked(manifest, str(fence), owner))
        check_fence(there, fence, called(manifest))
        return uid_of(there)

    def lift_gate(self, namespace: str, name: str, uid: str) -> None:
        lift_gate(self._api, namespace, name, uid)

    def watch_pod(self, namespace: str, name: str, uid: str, *, log_offset: int, seconds: float) -> PodStatus:
        return watch_pod(self._api, namespace, name, uid, log_offset=log_offset, seconds=seconds, cannot_start=self._cannot_start)

    def delete_ended_pods(self, namespace: str, service_id: str, *, turn: int) -> None:
        for pod in listed(self._api, Asked("Pod", namespace, labelled({SERVICE_LABEL: service_id})))["items"]:
            fence = fence_text(pod)
            if phase_of(pod) in _IDLE and (not fence or Fence.parse(fence).turn <= turn):
                self._delete("Pod", namespace, pod["metadata"]["name"], uid_of(pod))

    def evidence(self, namespace: str, service_id: str, owner: Anchor) -> list[PodEvidence]:
        service = labelled({SERVICE_LABEL: service_id})
        replica_sets, pods = (listed(self._api, Asked(kind, namespace, service))["items"] for kind in ("ReplicaSet", "Pod"))
        return evidence_of(self._api, pods_applied_under(owner.uid, replica_sets, pods))

    def usage(self, namespace: str, service_id: str) -> list[PodUsage] | None:
        return usage_of(self._api, namespace, service_id)

    def find_token(self, namespace: str, account: str, audience: str, *, seconds: int = 600) -> Secret | None:
        """A token of the service account, as its pods get one; None while there is no such account."""
        body = {"spec": {"audiences": [audience], "expirationSeconds": seconds}}
        try:
            answer = self._api.create(f"{place('ServiceAccount', namespace, account)}/token", body)
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            raise meaning(refusal, f"a token of ServiceAccount {account!r}") from refusal
        return Secret(answer["status"]["token"])

    def _write_shared(self, manifests: Sequence[Manifest], version: int) -> None:
        """Objects of one kind."""
        for manifest, present in zip(manifests, self._present_shared(manifests), strict=True):
            self._write_one_shared(marked(manifest, str(version), None), present, version)

    def _write_one_shared(self, wanted: Manifest, present: Answer | None, version: int) -> None:
        write(self._api, wanted, present, lambda there: _is_older(there, version) and not holds(there, wanted))

    def _present_shared(self, manifests: Sequence[Manifest]) -> list[Answer | None]:
        if len(manifests) == 1:
            return [find_present(self._api, manifests[0], whole=True)]
        # One list costs what one of them does. Services have objects of these kinds too: theirs are left out.
        first = manifests[0]
        asked = Asked(str(first["kind"]), first["metadata"]["namespace"], labels=f"!{SERVICE_LABEL}")
        kind = {"apiVersion": first["apiVersion"], "kind": first["kind"]}  # which lists leave out
        there = {item["metadata"]["name"]: {**kind, **item} for item in listed(self._api, asked)["items"]}
        return [there.get(manifest["metadata"]["name"]) for manifest in manifests]

    def _write_fenced(self, manifest: Manifest, present: Answer | None, owner: Anchor, fence: Fence) -> None:
        def passes(there: Answer | None) -> bool:
            check_fence(there, fence, called(manifest))
            return True

        write(self._api, marked(manifest, str(fence), owner), present, passes)

    def _find_deployment(self, namespace: str, name: str) -> Answer | None:
        try:
            return self._api.find(place("Deployment", namespace, name))
        except Refusal as refusal:
            raise meaning(refusal, f"Deployment {name!r}") from refusal

    def _watch_picture(self, picture: Picture, deployments: Sequence[str], deadline: float) -> list[ProcessStatus]:
        statuses = self._look(picture, deployments)
        if _is_decided(statuses) or time.monotonic() >= deadline:
            return statuses
        with picture.followed(seconds=deadline - time.monotonic()) as changes:
            while not _is_decided(statuses) and (left := deadline - time.monotonic()) > 0:
                # What lasts too long is certain without any change.
                goes_on = changes.next(picture, seconds=min(left, LOOK_EVERY))
                statuses = self._look(picture, deployments)
                if not goes_on:
                    break
        return statuses

    def _look(self, picture: Picture, deployments: Sequence[str]) -> list[ProcessStatus]:
        sight = Sight(replica_sets=picture.of("ReplicaSet"), pods=picture.of("Pod"), now=self._clock.now(), growing=picture.growing)
        statuses = self._statuses(deployments, picture.of("Deployment"), sight)
        if not any(status.failure == "unschedulable" for status in statuses):
            return statuses
        # Asked for only now, when it is about to count.
        picture.growing = picture.growing or is_growing(self._api, unscheduled(sight.pods))
        return [
            self._explained(one) for one in self._statuses(deployments, picture.of("Deployment"), replace(sight, growing=picture.growing))
        ]

    def _explained(self, status: ProcessStatus) -> ProcessStatus:
        return replace(status, message=with_node_troubles(self._api, status.message)) if status.failure == "unschedulable" else status

    def _statuses(self, names: Sequence[str], there: Sequence[Answer], sight: Sight) -> list[ProcessStatus]:
        by_name = {one["metadata"]["name"]: one for one in there}
        return [process_status(by_name[name], sight, self._patience) if name in by_name else missing(name) for name in names]

    def _cannot_start(self, pod: Answer) -> tuple[str, str]:
        failure, said = start_failure(pod, Sight(replica_sets=(), pods=[pod], now=self._clock.now()), self._patience)
        if failure != "unschedulable":
            return failure, said
        return ("", said) if is_growing(self._api, [pod]) else (failure, with_node_troubles(self._api, said))

    def _listed(self, kind: str, namespace: str, labels: Mapping[str, str]) -> list[Answer]:
        asked = Asked(kind, namespace, labelled(labels))
        items: list[Answer] = listed(self._api, asked, accept=METADATA_LIST)["items"]
        return items

    def _delete(self, kind: str, namespace: str, name: str, uid: str) -> None:
        """Deletes that very object; one that is gone, or whose name another has by now, is no error."""
        try:
            self._api.delete(place(kind, namespace, name), {"propagationPolicy": "Background", "preconditions": {"uid": uid}})
        except Refusal as refusal:
            if refusal.status not in {404, 409}:
                raise meaning(refusal, f"{kind} {name!r}") from refusal


def _is_decided(statuses: Sequence[ProcessStatus]) -> bool:
    return all(status.settled for status in statuses) or any(status.failure for status in statuses)


def _is_older(present: Answer | None, version: int) -> bool:
    if present is None:
        return True
    if present["metadata"].get("deletionTimestamp"):
        raise Unavailable(f"{present['metadata']['name']!r} is being deleted", code="namespace_ending", hint="it is then made anew")
    text = fence_text(present)
    return int(text) <= version if text.isdecimal() else True
