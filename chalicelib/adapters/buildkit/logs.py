"""A build's log: read to its end, or followed for a while."""

from __future__ import annotations

import time
from threading import Timer

from chalicelib.adapters.kubernetes.api import Api, Stream
from chalicelib.adapters.kubernetes.kinds import place
from chalicelib.adapters.kubernetes.refusals import Refusal
from chalicelib.manifests.buildkit import BUILD_CONTAINER

MAX_LOG = 8 * 1024 * 1024
"""A node keeps about as much of a container's output before it begins a new file; what lies beyond is not read."""
GATHER = 0.3
"""Seconds in which more output joins the first that came: each look reads the log from its beginning."""


def read_log(api: Api, namespace: str, pod: str) -> bytes | None:
    """All of it; None where it cannot be had any more."""
    try:
        return api.read(_path(namespace, pod), container=BUILD_CONTAINER, limitBytes=str(MAX_LOG))
    except Refusal:
        return None


def follow_log(api: Api, namespace: str, pod: str, offset: int, *, seconds: float) -> bytes:
    """The log from its beginning, as soon as it has anything beyond `offset`, or the container ended, or time was up."""
    if offset >= MAX_LOG:
        time.sleep(min(seconds, GATHER))
        return b""
    query = {"container": BUILD_CONTAINER, "follow": "true", "limitBytes": str(MAX_LOG)}
    try:
        with api.stream(_path(namespace, pod), seconds=seconds, **query) as stream:
            return _gathered(stream, offset, seconds)
    except Refusal:
        return b""  # its pod has just gone: the next look says so


def _gathered(stream: Stream, offset: int, seconds: float) -> bytes:
    """A read that waits ends when the stream is closed, which timers do: one for the whole time, one once there is something."""
    timers = [_started(seconds, stream)]
    found = bytearray()
    try:
        for chunk in stream.chunks():
            if len(found) <= offset < len(found) + len(chunk):
                timers.append(_started(min(seconds, GATHER), stream))
            found += chunk
    finally:
        for timer in timers:
            timer.cancel()
    return bytes(found)


def _started(seconds: float, stream: Stream) -> Timer:
    timer = Timer(seconds, stream.close)
    timer.daemon = True
    timer.start()
    return timer


def _path(namespace: str, pod: str) -> str:
    return f"{place('Pod', namespace, pod)}/log"
