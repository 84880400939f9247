"""How quickly the API answers, over loopback; and how often the store is asked for a resolved config."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.domain import keys
from chalicelib.domain.keys import Index, Key
from chalicelib.ports.store import Change, Page, Store
from tests.api.client import Api
from tests.bench.figures import Figure, spread
from tests.journeys.harness import Ancla
from tests.journeys.repository import Repository
from tests.world import World, make_world

REQUESTS = 300
CLIENTS = 8
VARIABLES = 20
"""At each of the five scopes."""


def prepare_config(ancla: Ancla, address: str, repository: Repository) -> str:
    """Makes a service that gets variables from five scopes; returns its path."""
    path = ancla.make_service(address, repository)
    workspace = path.split("/projects/")[0]
    ancla.api("POST", f"{workspace}/teams", {"name": "core"})
    ancla.api("PATCH", path, {"team": "core"})
    project, environment = path.split("/envs/")[0], path.split("/services/")[0]
    for scope, place in enumerate((workspace, f"{workspace}/teams/core", project, environment, path)):
        variables = {f"SCOPE_{scope}_VARIABLE_{number}": f"value {number} of scope {scope}" for number in range(VARIABLES)}
        ancla.api("POST", f"{place}/config/bulk", {"variables": variables})
    resolved = ancla.api("GET", f"{path}/config/resolved")
    if len(resolved) != 5 * VARIABLES:
        raise RuntimeError(f"{len(resolved)} variables reach {address}: {5 * VARIABLES} were set at its five scopes")
    return path


def measure_reads(ancla: Ancla, service: str, configured: str) -> list[Figure]:
    """Latency of the usual reads: one client, then eight at once."""
    paths = {
        "workspaces": "/workspaces",
        "service": service,
        "pipeline status": f"{service}/pipeline-status",
        "deploys": f"{service}/deploys",
        "resolved config": f"{configured}/config/resolved",
    }
    alone = {noun: _latencies(ancla, path, REQUESTS) for noun, path in paths.items()}
    crowded = {noun: _crowded(ancla, path) for noun, path in paths.items()}
    figures: list[Figure] = []
    for noun, values in alone.items():
        figures += spread(f"read: {noun}", values, "ms", p50=5, p95=15)
    for noun, values in crowded.items():
        figures += spread(f"read by {CLIENTS} clients: {noun}", values, "ms")
    return figures


def reads_of_resolved_config() -> Figure:
    """How often the store is read for a resolved config once the chain of places is loaded: counted in this process."""
    world = make_world()
    service = world.make_service()
    counting = CountingStore(world.ports.store)
    api = Api(_watched(world, counting))
    if api.get(f"/workspaces/acme/projects/shop/envs/production/services/{service.address.slug}/config/resolved").status != 200:
        raise RuntimeError("the resolved config of a new service cannot be read")
    chain = next(number for number, read in enumerate(counting.reads) if keys.service(service.address) in read)
    return Figure(name="store reads of a resolved config, after its place's", measured=len(counting.reads) - chain - 1, unit="", goal=1)


@dataclass(slots=True)
class CountingStore:
    """A store that notes what is read from it: the keys, or none for a question of another kind."""

    store: Store
    reads: list[Sequence[Key[Any]]] = field(default_factory=list)

    def get(self, keys: Sequence[Key[Any]]) -> list[Any]:
        self.reads.append(keys)
        return self.store.get(keys)

    def query(
        self, partition: str, prefix: str = "", *, newest_first: bool = False, limit: int = 100, after: str | None = None
    ) -> Page[Any]:
        self.reads.append(())
        return self.store.query(partition, prefix, newest_first=newest_first, limit=limit, after=after)

    def find(self, index: Index, value: str, *, up_to: str | None = None, limit: int = 100, after: str | None = None) -> Page[Key[Any]]:
        self.reads.append(())
        return self.store.find(index, value, up_to=up_to, limit=limit, after=after)

    def commit(self, changes: Sequence[Change]) -> None:
        self.store.commit(changes)


def _watched(world: World, store: Store) -> World:
    return replace(world, ports=replace(world.ports, store=store))


def _crowded(ancla: Ancla, path: str) -> list[float]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        shares = pool.map(lambda _: _latencies(ancla, path, REQUESTS // CLIENTS), range(CLIENTS))
        return [value for share in shares for value in share]


def _latencies(ancla: Ancla, path: str, count: int) -> list[float]:
    """Milliseconds of `count` requests over one connection; the one that opens it is not counted."""
    connection = http.client.HTTPConnection("127.0.0.1", ancla.port, timeout=20)
    headers = {"X-API-Key": ancla.key}
    try:
        _ask(connection, path, headers)
        return [_ask(connection, path, headers) for _ in range(count)]
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> float:
    began = time.perf_counter()
    connection.request("GET", f"/api/v1{path}", headers=headers)
    answer = connection.getresponse()
    answer.read()
    took = (time.perf_counter() - began) * 1000
    if answer.status != 200:
        raise RuntimeError(f"GET {path} was answered with {answer.status}")
    return took
