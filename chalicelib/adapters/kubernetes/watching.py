"""A picture of some objects that is kept fresh: listed once, then changed as the API server tells of changes."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from chalicelib.adapters.kubernetes.api import JSON, Answer, Api, Stream
from chalicelib.adapters.kubernetes.kinds import collection
from chalicelib.adapters.kubernetes.refusals import Refusal, meaning
from chalicelib.domain.errors import AnclaError

JOIN_SECONDS = 1.0
LOOK_EVERY = 0.5
"""Seconds between two looks for what no watch tells of."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Objects of one kind: in a namespace, by label or field."""

    kind: str
    namespace: str
    labels: str = ""
    fields: str = ""

    @property
    def query(self) -> dict[str, str]:
        selectors = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {name: value for name, value in selectors.items() if value}


@dataclass(frozen=True, slots=True)
class Changed:
    asked: Asked
    gone: bool
    object: Answer


@dataclass(frozen=True, slots=True)
class Ended:
    """A watch is over; with a problem, if it could not even begin."""

    problem: Exception | None = None


class Picture:
    """All objects asked for, by UID."""

    def __init__(self, api: Api, asked: list[Asked]) -> None:
        self._api = api
        self._seen: dict[Asked, dict[str, Answer]] = {}
        self._versions: dict[Asked, str] = {}
        self.growing = False
        """The cluster said that it adds a node: no watch tells of that."""
        for one in asked:
            answer = listed(api, one)
            self._seen[one] = {item["metadata"]["uid"]: item for item in answer["items"]}
            self._versions[one] = answer["metadata"]["resourceVersion"]

    def of(self, kind: str) -> list[Answer]:
        return [item for asked, items in self._seen.items() if asked.kind == kind for item in items.values()]

    def add(self, changed: Changed) -> None:
        items = self._seen[changed.asked]
        uid = changed.object["metadata"]["uid"]
        if changed.gone:
            items.pop(uid, None)
        else:
            items[uid] = changed.object

    @contextmanager
    def followed(self, *, seconds: float) -> Iterator[Changes]:
        """Watches all that was asked for, for the time of the block."""
        changes = Changes()
        threads = [
            threading.Thread(target=changes.follow, args=(self._api, asked, version, seconds), daemon=True)
            for asked, version in self._versions.items()
        ]
        for thread in threads:
            thread.start()
        try:
            yield changes
        finally:
            changes.close()
            for thread in threads:
                thread.join(JOIN_SECONDS)


class Changes:
    """What watches tell, in the order in which it came."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Changed | Ended] = SimpleQueue()
        self._lock = threading.Lock()
        self._streams: list[Stream] = []
        self._closed = False

    def next(self, picture: Picture, *, seconds: float) -> bool:
        """Waits for a change, and puts it and all that came with it into the picture. False when a watch is over, so that only a
        new picture tells more. Raises what kept a watch from beginning."""
        deadline = time.monotonic() + seconds
        came = False
        while True:
            try:
                one = self._queue.get(timeout=0 if came else max(0.0, deadline - time.monotonic()))
            except Empty:
                return True
            if isinstance(one, Ended):
                if one.problem is not None:
                    raise one.problem
                return False
            picture.add(one)
            came = True

    def follow(self, api: Api, asked: Asked, version: str, seconds: float) -> None:
        """What one thread does."""
        query = {**asked.query, "watch": "true", "resourceVersion": version, "timeoutSeconds": str(max(1, math.ceil(seconds)))}
        try:
            with api.stream(collection(asked.kind, asked.namespace), seconds=seconds, **query) as stream:
                if self._opened(stream):
                    self._read(asked, stream)
        except Refusal as refusal:
            # What has to be listed again (410) is no problem.
            problem = None if refusal.status == 410 else meaning(refusal, f"watching {asked.kind}s")
            self._queue.put(Ended(problem))
        except AnclaError as error:
            self._queue.put(Ended(error))
        else:
            self._queue.put(Ended())

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for stream in self._streams:
                stream.close()

    def _opened(self, stream: Stream) -> bool:
        with self._lock:
            self._streams.append(stream)
            return not self._closed

    def _read(self, asked: Asked, stream: Stream) -> None:
        for line in stream.lines():
            event = json.loads(line)
            if event["type"] == "ERROR":
                return
            if event["type"] != "BOOKMARK":
                self._queue.put(Changed(asked, event["type"] == "DELETED", event["object"]))


def listed(api: Api, asked: Asked, *, accept: str = JSON) -> Answer:
    """One list, of this moment; an empty one where there is no such namespace."""
    try:
        answer = api.get(collection(asked.kind, asked.namespace), accept=accept, **asked.query)
    except Refusal as refusal:
        if refusal.status == 404:
            return {"items": [], "metadata": {"resourceVersion": "0"}}
        raise meaning(refusal, f"listing {asked.kind}s in {asked.namespace!r}") from refusal
    return {**answer, "items": answer.get("items") or []}  # an empty list of metadata alone is null


def labelled(labels: Mapping[str, Any]) -> str:
    """A label selector."""
    return ",".join(f"{name}={value}" for name, value in labels.items())
