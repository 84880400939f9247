"""Fenced writes.

read (metadata only) ──► absent ──► POST ──► exists by now ──► read again
          │
          └► there ──► its fence beats ours ──► Fenced, nothing written
                 └──► server-side apply with the UID and resourceVersion that were read ──► changed by now ──► read again

An apply without a version would create what is absent, however late it comes, and so cannot be fenced. A POST cannot be an apply, so
what it creates is first owned by our manager as an update; `_handed_over` makes that an apply before the first one, or fields that a
later manifest leaves out would stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.adapters.kubernetes.api import APPLY, JSON, JSON_PATCH, METADATA, Answer, Api
from chalicelib.adapters.kubernetes.kinds import called, collection_of, place_of
from chalicelib.adapters.kubernetes.refusals import Refusal, meaning
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.fences import Anchor, Fence, Fenced
from chalicelib.ports.cluster import FENCE_ANNOTATION, Manifest

MANAGER = "ancla"
APPLIED_BY = "ancla.dev/applied-by"
"""On a Deployment: the UID of the anchor it was applied under. The cluster copies it to the replica set of the newest template, which
is how evidence finds the pods of one anchor."""
TRIES = 5

Check = Callable[[Answer | None], bool]
"""Whether to write over what is there; it may raise instead."""


def find_present(api: Api, manifest: Manifest, *, whole: bool = False) -> Answer | None:
    """The object that the manifest describes: its metadata, or all of it."""
    try:
        return api.find(place_of(manifest), accept=JSON if whole else METADATA)
    except Refusal as refusal:
        raise meaning(refusal, called(manifest)) from refusal


def ensure(api: Api, manifest: Manifest) -> Answer:
    """Makes the object that the (marked) manifest describes unless it exists. Returns it as it is now."""
    for _ in range(TRIES):
        try:
            return _create(api, manifest)
        except Refusal as refusal:
            # A quota that is used up refuses also what is there already.
            present = find_present(api, manifest)
            if present is not None:
                return present
            if refusal.status != 409:
                raise meaning(refusal, called(manifest)) from refusal
    raise _busy(manifest)


def write(api: Api, manifest: Manifest, present: Answer | None, check: Check) -> Answer:
    """Makes the object what the (marked) manifest says, on condition that it is still the one that was read. Returns it as it is
    now."""
    for _ in range(TRIES):
        if not check(present):
            assert present is not None
            return present
        try:
            return _create(api, manifest) if present is None else _apply(api, manifest, present)
        except Refusal as refusal:
            # The cluster may have collected meanwhile what was read: it still belonged to an anchor that is gone.
            vanished = refusal.status == 404 and present is not None
            if refusal.status != 409 and not vanished:
                raise meaning(refusal, called(manifest)) from refusal
        present = find_present(api, manifest)
    raise _busy(manifest)


def holds(present: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there already. What others added beside it does not count, as it does not when it is applied."""
    if wanted in ([], {}) and present is None:
        return True  # the API server leaves out what is empty
    if isinstance(wanted, Mapping):
        return isinstance(present, Mapping) and all(holds(present.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return isinstance(present, Sequence) and len(present) == len(wanted) and all(map(holds, present, wanted))
    return bool(present == wanted)


def marked(manifest: Manifest, fence: str, owner: Anchor | None) -> dict[str, Any]:
    """The manifest with fence and owner on its own metadata; never inside the pod template, where they would restart pods."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), FENCE_ANNOTATION: fence}
    if owner is not None and manifest["kind"] == "Deployment":
        annotations[APPLIED_BY] = owner.uid
    marked = {**metadata, "annotations": annotations}
    if owner is not None:
        marked["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": owner.name, "uid": owner.uid}]
    return {**manifest, "metadata": marked}


def check_fence(present: Answer | None, fence: Fence, what: str) -> None:
    """Raises Fenced when a later holder wrote the object, and Unavailable while it is another service's or about to go."""
    if present is None:
        return
    metadata = present["metadata"]
    if metadata.get("deletionTimestamp"):
        raise Unavailable(f"{what} is being deleted", code="object_ending", hint="it is made anew once the old one is gone")
    text = fence_text(present)
    if not text:
        return
    before = Fence.parse(text)
    if before.service_id != fence.service_id:
        # Of two services that had the same address, one after the other: which came later cannot be told here, and what the
        # earlier one left is collected in a moment.
        raise Unavailable(f"{what} belongs to another service", code="object_of_another_service")
    if fence.beaten_by(before):
        raise Fenced(f"{what} was written by turn {before.turn} since")


def fence_text(present: Answer) -> str:
    return str((present["metadata"].get("annotations") or {}).get(FENCE_ANNOTATION, ""))


def uid_of(present: Answer) -> str:
    return str(present["metadata"]["uid"])


def _busy(manifest: Manifest) -> Unavailable:
    return Unavailable(f"{called(manifest)} is changed by others all the time", code="cluster_busy", hint="it is tried again")


def _create(api: Api, manifest: Manifest) -> Answer:
    return api.create(collection_of(manifest), manifest, fieldManager=MANAGER, fieldValidation="Strict")


def _apply(api: Api, manifest: Manifest, present: Answer) -> Answer:
    read = _handed_over(api, manifest, present)["metadata"]
    metadata = {**manifest["metadata"], "uid": read["uid"], "resourceVersion": read["resourceVersion"]}
    body = {**manifest, "metadata": metadata}
    # By force: what others set in our fields (a count by hand) yields, what they set beside them stays.
    return api.patch(place_of(manifest), body, APPLY, fieldManager=MANAGER, force="true", fieldValidation="Strict")


def _handed_over(api: Api, manifest: Manifest, present: Answer) -> Answer:
    """The object once all that is ours in it is ours by apply."""
    metadata = present["metadata"]
    managers = applied_managers(metadata.get("managedFields") or [])
    if managers is None:
        return present
    patch = [
        {"op": "replace", "path": "/metadata/managedFields", "value": managers},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        *_relabelled(manifest, metadata.get("labels")),
    ]
    return api.patch(place_of(manifest), patch, JSON_PATCH, fieldManager=MANAGER)


def _relabelled(manifest: Manifest, present: Mapping[str, str] | None) -> list[dict[str, Any]]:
    """The labels that others took away or changed. Without them admission may refuse every write, this one too: Pod Security's on a
    namespace are such."""
    wanted = manifest["metadata"].get("labels", {})
    if not present:
        return [{"op": "add", "path": "/metadata/labels", "value": dict(wanted)}]
    return [
        {"op": "add", "path": f"/metadata/labels/{name.replace('~', '~0').replace('/', '~1')}", "value": value}
        for name, value in wanted.items()
        if present.get(name) != value
    ]


def applied_managers(managers: list[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    """The record of who manages which field, with our creation turned into an apply; None when nothing has to be turned."""

    def created_by_us(entry: Mapping[str, Any]) -> bool:
        return entry.get("manager") == MANAGER and entry.get("operation") == "Update" and not entry.get("subresource")

    if not any(map(created_by_us, managers)):
        return None
    if any(entry.get("manager") == MANAGER and entry.get("operation") == "Apply" for entry in managers):
        return [dict(entry) for entry in managers if not created_by_us(entry)]
    return [{**entry, "operation": "Apply"} if created_by_us(entry) else dict(entry) for entry in managers]
