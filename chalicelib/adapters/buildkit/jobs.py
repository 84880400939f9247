"""The Jobs and Secrets of builds, in the one namespace that they live in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.kubernetes.api import MERGE_PATCH, Answer, Api
from chalicelib.adapters.kubernetes.kinds import collection, place
from chalicelib.adapters.kubernetes.refusals import Refusal, meaning
from chalicelib.domain.errors import Unavailable
from chalicelib.manifests.buildkit import job_name
from chalicelib.ports.cluster import Rejected

OF_JOB = "batch.kubernetes.io/controller-uid"
"""On a Job's pods: the Job's UID, so those of an earlier Job of that name are told apart."""
TRIES = 5


@dataclass(frozen=True, slots=True)
class Jobs:
    """Raises Unavailable for all that the cluster does not do."""

    api: Api
    namespace: str

    def find(self, build_id: str) -> Answer | None:
        try:
            return self.api.find(place("Job", self.namespace, job_name(build_id)))
        except Refusal as refusal:
            raise _unavailable(refusal, build_id) from refusal

    def pods(self, job: Mapping[str, Any]) -> Sequence[Answer]:
        try:
            answer = self.api.get(collection("Pod", self.namespace), labelSelector=f"{OF_JOB}={job['metadata']['uid']}")
        except Refusal as refusal:
            raise _unavailable(refusal, job["metadata"]["name"]) from refusal
        items: list[Answer] = answer["items"]
        return items

    def create(self, build_id: str, manifest: Mapping[str, Any]) -> Answer:
        """The Job; the one that is there, where another call was quicker."""
        for _ in range(TRIES):
            try:
                return self.api.create(collection("Job", self.namespace), manifest, fieldValidation="Strict")
            except Refusal as refusal:
                if refusal.status != 409:
                    raise _unavailable(refusal, build_id) from refusal
            if present := self.find(build_id):
                return present
        raise _busy(build_id)

    def ensure_secret(self, build_id: str, manifest: Mapping[str, Any], job: Mapping[str, Any]) -> None:
        """The Secret of this very Job. What an earlier Job of that name left behind gives way."""
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
        owned = {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": [owner]}}
        for _ in range(TRIES):
            try:
                self.api.create(collection("Secret", self.namespace), owned)
            except Refusal as refusal:
                if refusal.status != 409:
                    raise _unavailable(refusal, build_id) from refusal
                self.delete_secret(build_id)
            else:
                return
        raise _busy(build_id)

    def secret_content(self, build_id: str) -> Mapping[str, str] | None:
        """What is in the build's Secret, in base64; None when it is gone."""
        try:
            found = self.api.find(place("Secret", self.namespace, job_name(build_id)))
        except Refusal as refusal:
            raise _unavailable(refusal, build_id) from refusal
        return None if found is None else found.get("data") or {}

    def delete_secret(self, build_id: str) -> None:
        self._delete(place("Secret", self.namespace, job_name(build_id)), {}, build_id)

    def delete(self, job: Mapping[str, Any]) -> None:
        """That very Job, and by and by its pods."""
        metadata = job["metadata"]
        body = {"propagationPolicy": "Background", "preconditions": {"uid": metadata["uid"]}}
        self._delete(place("Job", self.namespace, metadata["name"]), body, metadata["name"])

    def change(self, job: Mapping[str, Any], change: Mapping[str, Any], annotations: Mapping[str, str]) -> bool:
        """Changes the spec of that very version of the Job, and adds annotations; False where it is another one by now."""
        metadata = job["metadata"]
        marked = {"resourceVersion": metadata["resourceVersion"], "annotations": dict(annotations)}
        body = {"metadata": marked, **({"spec": dict(change)} if change else {})}
        try:
            self.api.patch(place("Job", self.namespace, metadata["name"]), body, MERGE_PATCH)
        except Refusal as refusal:
            if refusal.status in {404, 409}:
                return False
            raise _unavailable(refusal, metadata["name"]) from refusal
        return True

    def _delete(self, path: str, body: Mapping[str, Any], what: str) -> None:
        try:
            self.api.delete(path, body)
        except Refusal as refusal:
            if refusal.status not in {404, 409}:
                raise _unavailable(refusal, what) from refusal


def _unavailable(refusal: Refusal, what: str) -> Unavailable:
    found = meaning(refusal, f"the build {what}")
    if isinstance(found, Rejected):
        return Unavailable(found.message, code="build_job_rejected", hint="look at the quota and the policies of the builds' namespace")
    return found


def _busy(build_id: str) -> Unavailable:
    return Unavailable(f"the build {build_id} is changed by others all the time", code="cluster_busy", hint="it is tried again")
