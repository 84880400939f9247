"""The pod that runs a command once: made behind a gate, let go, and watched with its output."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any

from chalicelib.adapters.kubernetes.api import MERGE_PATCH, Answer, Api, Stream
from chalicelib.adapters.kubernetes.kinds import place
from chalicelib.adapters.kubernetes.pods import (
    CONTAINER,
    broken_preparation,
    cut_off,
    describe_pod,
    exit_words,
    process_container,
)
from chalicelib.adapters.kubernetes.refusals import Refusal, meaning
from chalicelib.adapters.kubernetes.watching import JOIN_SECONDS, LOOK_EVERY, Asked, Picture
from chalicelib.domain.errors import AnclaError, Unavailable
from chalicelib.ports.cluster import PodPhase, PodStatus

GATES = "schedulingGates"
MAX_LOG = 8 * 1024 * 1024
"""A node keeps about as much of a container's output before it begins a new file; what lies beyond is not read."""
PART = 1024 * 1024
"""So much of the output is given at once, about: a step keeps it in one piece."""
GATHER = 0.05
"""Seconds in which more output joins the first that came."""
TRIES = 5
_GONE = PodStatus(phase=PodPhase.GONE, message="the pod is not there any more")


def lift_gate(api: Api, namespace: str, name: str, uid: str) -> None:
    path = place("Pod", namespace, name)
    for _ in range(TRIES):
        pod = find_pod(api, namespace, name, uid)
        if pod is None or not pod["spec"].get(GATES):
            return
        metadata = {"uid": uid, "resourceVersion": pod["metadata"]["resourceVersion"]}
        try:
            api.patch(path, {"metadata": metadata, "spec": {GATES: None}}, MERGE_PATCH)
        except Refusal as refusal:
            if refusal.status not in {404, 409}:
                raise meaning(refusal, f"Pod {name!r}") from refusal
        else:
            return
    raise Unavailable(f"Pod {name!r} is changed by others all the time", code="cluster_busy", hint="it is tried again")


def find_pod(api: Api, namespace: str, name: str, uid: str) -> Answer | None:
    """That very pod; None when it is gone, whoever has its name now."""
    try:
        pod = api.find(place("Pod", namespace, name))
    except Refusal as refusal:
        raise meaning(refusal, f"Pod {name!r}") from refusal
    return pod if pod is not None and pod["metadata"]["uid"] == uid else None


def watch_pod(
    api: Api, namespace: str, name: str, uid: str, *, log_offset: int, seconds: float, cannot_start: Callable[[Answer], tuple[str, str]]
) -> PodStatus:
    """`cannot_start` tells of a pod of which nothing runs yet why that is certain to stay so: a code and words, both empty if not."""
    deadline = time.monotonic() + seconds
    picture = Picture(api, [Asked("Pod", namespace, fields=f"metadata.name={name}")])
    with picture.followed(seconds=seconds) as changes, _output(api, namespace, name, log_offset) as output:
        while True:
            pod = next((one for one in picture.of("Pod") if one["metadata"]["uid"] == uid), None)
            if pod is None:
                return _GONE
            phase = phase_of(pod)
            left = deadline - time.monotonic()
            if phase in {PodPhase.SUCCEEDED, PodPhase.FAILED} or left <= 0:
                log, more = read_log(api, namespace, name, log_offset)
                # The end is told together with the last of the output.
                return PodStatus(phase=PodPhase.RUNNING, log=log) if more else _told(pod, phase, log)
            runs = process_runs(pod)
            if phase is PodPhase.RUNNING and runs:
                output.start(left)
            failure, said = cannot_start(pod) if phase is PodPhase.RUNNING and not runs else ("", "")
            if failure:
                return PodStatus(phase=phase, failure=failure, message=said)
            if log := output.gathered():
                return _told(pod, phase, log)
            # What lasts too long is certain without any change.
            if not changes.next(picture, seconds=min(left, GATHER if output.runs else LOOK_EVERY)):
                return _told(pod, phase, b"")


def phase_of(pod: Mapping[str, Any]) -> PodPhase:
    if pod["spec"].get(GATES):
        return PodPhase.GATED
    phases = {"Succeeded": PodPhase.SUCCEEDED, "Failed": PodPhase.FAILED}
    return phases.get(pod.get("status", {}).get("phase", ""), PodPhase.RUNNING)


def process_runs(pod: Mapping[str, Any]) -> bool:
    container = process_container(pod)
    return container is not None and container.running


def read_log(api: Api, namespace: str, name: str, offset: int) -> tuple[bytes, bool]:
    """A part of the process's output from `offset` on, and whether there is more. One that cannot be had (nothing ran yet, or its node
    is away) is empty: how the process ended counts without it."""
    if offset >= MAX_LOG:
        return b"", False
    limit = min(MAX_LOG, offset + PART + 1)
    try:
        data = api.read(f"{place('Pod', namespace, name)}/log", container=CONTAINER, limitBytes=str(limit))
    except Refusal as refusal:
        if refusal.status in {401, 403}:
            raise meaning(refusal, f"the log of Pod {name!r}") from refusal
        return b"", False
    return data[offset : offset + PART], len(data) > offset + PART


class _Output:
    """Reads a log as it grows, in a thread of its own."""

    def __init__(self, api: Api, path: str, offset: int) -> None:
        self._api, self._path, self._offset = api, path, offset
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._closed = False

    @property
    def runs(self) -> bool:
        return self._thread is not None

    def start(self, seconds: float) -> None:
        """Once; an offset beyond what is kept is not read."""
        if self._thread is None and self._offset < MAX_LOG:
            self._thread = threading.Thread(target=self._follow, args=(seconds,), daemon=True)
            self._thread.start()

    def gathered(self) -> bytes:
        """What came beyond the offset so far, with what comes in the same moment."""
        parts: list[bytes] = []
        while True:
            try:
                parts.append(self._queue.get(timeout=GATHER if parts else 0))
            except Empty:
                return b"".join(parts)
            if sum(map(len, parts)) >= PART:
                return b"".join(parts)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._stream is not None:
                self._stream.close()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)

    def _follow(self, seconds: float) -> None:
        query = {"container": CONTAINER, "follow": "true", "limitBytes": str(MAX_LOG)}
        try:
            with self._api.stream(self._path, seconds=seconds, **query) as stream:
                with self._lock:
                    self._stream = stream
                    if self._closed:
                        return
                self._pass_on(stream)
        except (Refusal, AnclaError):
            return  # the pod's own status says what is wrong, and the last look reads the log once more

    def _pass_on(self, stream: Stream) -> None:
        skip = self._offset
        for chunk in stream.chunks():
            if len(chunk) > skip:
                self._queue.put(chunk[skip:])
            skip = max(0, skip - len(chunk))


@contextmanager
def _output(api: Api, namespace: str, name: str, offset: int) -> Iterator[_Output]:
    output = _Output(api, f"{place('Pod', namespace, name)}/log", offset)
    try:
        yield output
    finally:
        output.close()


def _told(pod: Mapping[str, Any], phase: PodPhase, log: bytes) -> PodStatus:
    if phase is not PodPhase.FAILED and phase is not PodPhase.SUCCEEDED:
        return PodStatus(phase=phase, message="" if process_runs(pod) else describe_pod(pod), log=log)
    container = broken_preparation(pod) or process_container(pod)
    # What was cut off has the exit code of its end, and not of its work.
    if container is None or container.exit_code is None or cut_off(pod):
        return PodStatus(phase=phase, message=describe_pod(pod), log=log)
    return PodStatus(phase=phase, exit_code=container.exit_code, message=exit_words(container), log=log)
