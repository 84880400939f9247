"""Every adapter of a port under one suite: those of one machine as they are, those of AWS over a simulated AWS in this process."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chalicelib.adapters.embedded.builder import EmbeddedBuilder
from chalicelib.adapters.embedded.logs import FileLogs, MemoryLogs
from chalicelib.adapters.embedded.queue import MemoryQueue, SqliteQueue
from chalicelib.adapters.embedded.tables import MemoryTable, SqliteTable
from chalicelib.adapters.limits import LimitedQueue, NamedLogs
from chalicelib.adapters.records import RecordStore
from chalicelib.adapters.rows import Table
from chalicelib.ports.logs import Logs
from chalicelib.ports.queue import Queue
from chalicelib.ports.store import Store
from tests.contracts.repositories import Repository

if TYPE_CHECKING:
    from tests.contracts.aws import SimulatedAws
    from tests.contracts.cluster_kubernetes import KubernetesWorld
    from tests.contracts.cluster_world import EmbeddedWorld, World


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    time: datetime = field(default=datetime(2026, 3, 1, 12, 0, tzinfo=UTC))

    def now(self) -> datetime:
        return self.time

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def random_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def move(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass(frozen=True)
class QueueBench:
    """A queue, and the way to let time pass for it."""

    queue: Queue
    pass_time: Callable[[float], None]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["memory", "sqlite", "dynamodb"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    match request.param:
        case "memory":
            memory = MemoryTable()
            yield memory
            memory.close()
        case "sqlite":
            file = SqliteTable(tmp_path / "home" / "store.db")
            yield file
            file.close()
        case _:
            aws: SimulatedAws = request.getfixturevalue("simulated_aws")
            aws.clear()
            yield aws.table


@pytest.fixture
def store(table: Table) -> Store:
    return RecordStore(table)


@pytest.fixture(params=["memory", "sqlite"])
def shared_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store that many threads may use at once, which the simulated AWS is not made for."""
    shared = MemoryTable() if request.param == "memory" else SqliteTable(tmp_path / "store.db")
    yield RecordStore(shared)
    shared.close()


@pytest.fixture(params=["memory", "sqlite", "sqs"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> Iterator[QueueBench]:
    match request.param:
        case "memory":
            memory = MemoryQueue(clock)
            yield QueueBench(LimitedQueue(memory), clock.move)
            memory.close()
        case "sqlite":
            file = SqliteQueue(tmp_path / "home" / "queue.db", clock)
            yield QueueBench(LimitedQueue(file), clock.move)
            file.close()
        case _:
            aws: SimulatedAws = request.getfixturevalue("simulated_aws")
            aws.clear()
            yield QueueBench(LimitedQueue(aws.queue), aws.pass_time)


@pytest.fixture(params=["memory", "files", "s3"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Logs:
    match request.param:
        case "memory":
            return NamedLogs(MemoryLogs())
        case "files":
            return NamedLogs(FileLogs(tmp_path / "home" / "logs"))
        case _:
            aws: SimulatedAws = request.getfixturevalue("simulated_aws")
            aws.clear()
            return NamedLogs(aws.logs)


@pytest.fixture(scope="module")
def simulated_aws() -> Iterator[SimulatedAws]:
    """One for a module: each client that boto3 makes costs half a second."""
    from tests.contracts.aws import simulate_aws

    with simulate_aws() as aws:
        yield aws


@pytest.fixture(scope="module")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedWorld]:
    """One embedded cluster with its node for a module; who uses it clears it."""
    from tests.contracts.cluster_world import started, user_processes

    world = started(tmp_path_factory.mktemp("cluster"))
    yield world
    world.stop_node()
    assert not user_processes(world.home)


@pytest.fixture(scope="module")
def real_cluster() -> Iterator[KubernetesWorld]:
    """The Kubernetes of the engines that run; without one, its tests are left out."""
    from tests.contracts.cluster_kubernetes import started

    with started() as world:
        yield world


@pytest.fixture(params=["running_cluster", "real_cluster"], ids=["embedded", "kubernetes"])
def any_cluster(request: pytest.FixtureRequest) -> Iterator[World]:
    world: World = request.getfixturevalue(request.param)
    yield world
    world.clear()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def builder(home: Path) -> EmbeddedBuilder:
    return EmbeddedBuilder(home, local_repositories=True)
