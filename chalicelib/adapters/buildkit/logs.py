"""A build's log: read when it has ended, or followed for a while."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Timer

from chalicelib.adapters.kubernetes.api import Api, Stream
from chalicelib.adapters.kubernetes.kinds import place
from chalicelib.adapters.kubernetes.refusals import Refusal
from chalicelib.manifests.buildkit import BUILD_CONTAINER, FETCH_CONTAINER

MAX_LOG = 5 * 1024 * 1024
"""Of a log only so much is handed on. A node begins a new file at 10 MiB, with some 40 bytes of its own at each line, and what is in the
earlier one cannot be read any more."""
CUT = b"[the log goes on: what follows is its end]\n"
END_LINES, MAX_END = 300, 48 * 1024
"""Of the end: there BuildKit says why a build failed, and shows the Dockerfile around the line."""
FULL = 2.0
"""Seconds between looks at a log of which no more is handed on before the end."""
GATHER = 0.3
"""Seconds in which more output joins the first that came: each look reads the log from its beginning."""


@dataclass(frozen=True, slots=True)
class PodLogs:
    """The logs of builds' pods. `limit`: bytes of one that are handed on."""

    api: Api
    namespace: str
    limit: int = MAX_LOG

    def read(self, pod: str, *, fetches: bool) -> bytes | None:
        """The log of a build that has ended, of a long one its beginning and its end; None where it cannot be had any more."""
        begin = self._read(pod, fetches, limitBytes=str(self.limit + 1))
        if begin is None or len(begin) <= self.limit:
            return begin
        end = self._read(pod, fetches, tailLines=str(END_LINES)) or b""
        return _whole_lines_of(begin[: self.limit]) + CUT + _end_of(end)

    def is_empty(self, pod: str, *, fetches: bool) -> bool:
        return not self._read(pod, fetches, limitBytes="1")

    def follow(self, pod: str, offset: int, *, seconds: float) -> bytes:
        """The log from its beginning, as soon as it has anything beyond `offset`, or the container ended, or time was up."""
        log = self._followed(pod, BUILD_CONTAINER, offset, seconds)
        if len(log) >= self.limit and len(_whole_lines_of(log)) <= offset:
            time.sleep(min(seconds, FULL))
        return log

    def await_fetch(self, pod: str, *, seconds: float) -> None:
        """Returns when what is to be built has been fetched, or could not be, or time was up."""
        self._followed(pod, FETCH_CONTAINER, self.limit, seconds)

    def _followed(self, pod: str, container: str, offset: int, seconds: float) -> bytes:
        query = {"container": container, "follow": "true", "limitBytes": str(self.limit)}
        try:
            with self.api.stream(self._path(pod), seconds=seconds, **query) as stream:
                return _gathered(stream, offset, seconds)
        except Refusal:
            return b""  # its pod has just gone: the next look says so

    def _read(self, pod: str, fetches: bool, **query: str) -> bytes | None:
        try:
            return self.api.read(self._path(pod), container=FETCH_CONTAINER if fetches else BUILD_CONTAINER, **query)
        except Refusal:
            return None

    def _path(self, pod: str) -> str:
        return f"{place('Pod', self.namespace, pod)}/log"


def _whole_lines_of(log: bytes) -> bytes:
    return log[: log.rfind(b"\n") + 1]


def _end_of(log: bytes) -> bytes:
    """Its last lines, each a whole one: half a secret would not be known for one."""
    return log if len(log) <= MAX_END else log[-MAX_END:].partition(b"\n")[2]


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
