"""What the pods of one roll-out have to tell: read while they are still there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.adapters.kubernetes.api import Answer, Api
from chalicelib.adapters.kubernetes.kinds import place
from chalicelib.adapters.kubernetes.pods import CONTAINER, broken_preparation, did_well, pod_evidence, process_container
from chalicelib.adapters.kubernetes.refusals import Refusal, meaning
from chalicelib.adapters.kubernetes.rollouts import owners
from chalicelib.adapters.kubernetes.watching import Asked, listed
from chalicelib.adapters.kubernetes.writes import APPLIED_BY
from chalicelib.ports.cluster import PodEvidence

LINES = 20
MAX_PODS = 5
"""Of those that did not do well, so many are read the logs and events of: they fail for the same reason, and time is short."""
MAX_TAIL = 64 * 1024
GROWING = frozenset({"TriggeredScaleUp", "Nominated"})
"""How autoscalers tell a pod that a node comes for it: the cluster's own, and Karpenter."""


def pods_applied_under(owner_uid: str, replica_sets: Sequence[Answer], pods: Sequence[Answer]) -> list[Answer]:
    """The pods of the templates that were applied under that anchor, and the one-offs that it owns; the bad ones first."""
    applied = {
        one["metadata"]["uid"] for one in replica_sets if (one["metadata"].get("annotations") or {}).get(APPLIED_BY) == owner_uid
    } | {owner_uid}
    mine = [pod for pod in pods if applied & owners(pod)]
    return sorted(mine, key=lambda pod: (did_well(pod), pod["metadata"]["name"]))


def evidence_of(api: Api, pods: Sequence[Answer]) -> list[PodEvidence]:
    told = []
    for place_in_line, pod in enumerate(pods):
        looked_into = not did_well(pod) and place_in_line < MAX_PODS
        events = _events(api, pod) if looked_into else []
        told.append(pod_evidence(pod, events, _last_words(api, pod) if looked_into else ()))
    return told


def is_growing(api: Api, unscheduled: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an autoscaler said that it adds a node for one of these pods."""
    return any(event.get("reason") in GROWING for pod in unscheduled[:MAX_PODS] for event in _events(api, pod))


def _events(api: Api, pod: Mapping[str, Any]) -> list[Answer]:
    metadata = pod["metadata"]
    items: list[Answer] = listed(api, Asked("Event", metadata["namespace"], fields=f"involvedObject.uid={metadata['uid']}"))["items"]
    return items


def _last_words(api: Api, pod: Answer) -> tuple[str, ...]:
    """The end of what it printed. A process that was just started again has said little: the one before comes first."""
    broken = broken_preparation(pod)
    if broken is not None:
        return _tail(api, pod, broken.name)
    container = process_container(pod)
    started_again = container is not None and container.running and container.restarts > 0
    before = _tail(api, pod, CONTAINER, previous="true") if started_again else ()
    return (*before, *_tail(api, pod, CONTAINER))[-LINES:]


def _tail(api: Api, pod: Answer, container: str, **options: str) -> tuple[str, ...]:
    """A log that cannot be had tells nothing: the container did not run yet, or its node is away."""
    metadata = pod["metadata"]
    path = f"{place('Pod', metadata['namespace'], metadata['name'])}/log"
    text = b""
    try:
        # Of a tail that is too large the beginning is given, and it is the end that counts.
        for lines in (LINES, 5, 1):
            text = api.read(path, container=container, tailLines=str(lines), limitBytes=str(MAX_TAIL), **options)
            if len(text) < MAX_TAIL:
                break
    except Refusal as refusal:
        if refusal.status in {401, 403}:
            raise meaning(refusal, f"the log of Pod {metadata['name']!r}") from refusal
        return ()
    return tuple(text.decode(errors="replace").splitlines())
