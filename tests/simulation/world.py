"""Ancla over virtual time: the real pipeline, the in-memory store and engines, and a clock that only moves when told to."""

from __future__ import annotations

import hashlib
import heapq
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.adapters.embedded.logs import MemoryLogs
from chalicelib.adapters.embedded.tables import MemoryTable
from chalicelib.adapters.records import RecordStore
from chalicelib.domain import keys
from chalicelib.domain.addresses import Address, Level
from chalicelib.domain.audit import first_break
from chalicelib.domain.config import Scope, Variable
from chalicelib.domain.deploys import deploy_log
from chalicelib.domain.errors import Conflict
from chalicelib.domain.hierarchy import Environment, Project, Service, Source, Workspace
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Request, Run, RunKind, Trigger
from chalicelib.domain.secrets import Secret
from chalicelib.domain.snapshots import Snapshot
from chalicelib.manifests.vault import scope_path
from chalicelib.pipeline import chores, intents, machine
from chalicelib.pipeline.intents import Accepted, accept
from chalicelib.pipeline.loads import load_snapshot
from chalicelib.pipeline.sweep import sweep
from chalicelib.ports import Ports
from chalicelib.ports.queue import VISIBILITY, Received, Work
from chalicelib.ports.store import Put, all_of, get_one
from chalicelib.settings import read_settings
from tests.engines import MemoryEngines, memory_engines

START = datetime(2030, 1, 1, tzinfo=UTC)
FUNCTION_TIME = timedelta(seconds=12)
REPOSITORY = "https://git.example/acme/api.git"
FILES = {"Procfile": "web: python server.py\nworker: python worker.py\n"}
API = Address("acme", "shop", "staging", "api")


class VirtualClock:
    """Time that is moved by the world; ids and keys from a seed."""

    def __init__(self, seed: int = 0) -> None:
        self.time = START
        self._random = random.Random(seed)

    def now(self) -> datetime:
        return self.time

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


class Death(BaseException):
    """The worker dies here: nothing of what comes after happens, nor is its message acknowledged."""


@dataclass(order=True)
class _Message:
    visible_at: datetime
    order: int
    work: Work = field(compare=False)
    body: Mapping[str, Any] = field(compare=False)
    receives: int = field(compare=False, default=0)


@dataclass
class VirtualQueue:
    """At-least-once over virtual time; `mishap` may lose, double or delay what is sent."""

    clock: VirtualClock
    messages: list[_Message] = field(default_factory=list)
    sent: int = 0
    mishap: Callable[[float], list[float]] = lambda delay: [delay]
    """From a message's delay, the delays of the copies that will come."""

    def send(self, work: Work, body: Mapping[str, Any], *, delay: float = 0) -> None:
        for late in self.mishap(delay):
            self.sent += 1
            heapq.heappush(self.messages, _Message(self.clock.now() + timedelta(seconds=late), self.sent, work, body))

    def receive(self, work: Work, *, wait: float = 0) -> Received | None:
        raise NotImplementedError("the world delivers")

    def acknowledge(self, work: Work, receipt: str) -> None:
        raise NotImplementedError("the world delivers")

    def dead_letters(self, work: Work) -> int:
        return 0


class World:
    """One workspace with one service, and everything that makes it run."""

    def __init__(self, seed: int = 0, *, index_lag: int = 0, wrap: Callable[[str, Any], Any] = lambda name, port: port) -> None:
        self.clock = VirtualClock(seed)
        self.index_lag = index_lag
        self.past_services: list[str] = []
        self.queue = VirtualQueue(self.clock)
        self.engines: MemoryEngines = memory_engines(self.clock)
        self.store = RecordStore(MemoryTable(index_lag=index_lag))
        self.logs = MemoryLogs()
        self.ports = Ports(
            settings=read_settings({"ANCLA_HOME": str(Path("/nonexistent"))}),
            clock=self.clock,
            store=wrap("store", self.store),
            queue=wrap("queue", self.queue),
            logs=wrap("logs", self.logs),
            engines=MemoryEngines(**{name: wrap(name, port) for name, port in vars(self.engines).items()}),
        )
        self.engines.builder.wait = self.engines.cluster.wait = self.advance
        self.next_sweep = START + timedelta(minutes=1)
        self.after_step: Callable[[], None] = lambda: None
        now = self.clock.now()
        self.store.commit(
            [
                Put(Workspace(id=self.clock.new_id(), slug="acme", name="Acme", created=now, updated=now)),
                Put(Project(id=self.clock.new_id(), address=Address("acme", "shop"), name="Shop", created=now, updated=now)),
            ]
        )
        for slug in ("staging", "production"):
            address = Address("acme", "shop", slug)
            self.store.commit([Put(Environment(id=self.clock.new_id(), address=address, name=slug, created=now, updated=now))])
        self.service = self.make_service(API)

    def make_service(self, address: Address, **settings: Any) -> Service:
        now = self.clock.now()
        source = Source(location=REPOSITORY, branch="main")
        service = Service(
            id=self.clock.new_id(), address=address, name=address.service, source=source, created=now, updated=now, **settings
        )
        self.store.commit([Put(service)])
        return self.read_service(address)

    def find_service(self, address: Address = API) -> Service | None:
        return get_one(self.store, keys.service(address))

    def read_service(self, address: Address = API) -> Service:
        service = self.find_service(address)
        if service is None:
            raise Conflict("the service is gone", code="service_closing")
        return service

    def push(self, files: Mapping[str, str] = FILES) -> str:
        return self.engines.source.push(REPOSITORY, "main", files)

    def accept(self, kind: RunKind = RunKind.DEPLOY, **request: Any) -> Accepted:
        return accept(self.ports, self.read_service(), Request(kind=kind, by="ada", **request))

    def deploy(self, files: Mapping[str, str] = FILES) -> Run:
        """Pushes and deploys, until all is quiet; the run as it ended."""
        self.push(files)
        return self._ended(self.accept())

    def deploy_unhealthy(self) -> Run:
        """A deploy whose image never gets ready; the run as it ended."""
        commit = self.push({**FILES, "VERSION": f"unhealthy {self.clock.new_id()}"})
        self.engines.cluster.unhealthy.add(self.digest_of_commit(commit))
        return self._ended(self.accept())

    def roll_back_to(self, number: int) -> Run:
        deploy = get_one(self.store, keys.deploy(self.service.id, number))
        assert deploy is not None
        return self._ended(self.accept(RunKind.ROLLBACK, snapshot=deploy.snapshot, rollback_to=number))

    def accept_push(self, commit: str) -> Accepted:
        return self.accept(trigger=Trigger.PUSH, ref=commit)

    def unpin(self) -> Accepted | None:
        return intents.unpin(self.ports, self.read_service(), "ada")

    def set_variable(self, name: str, value: str) -> None:
        """A plain variable of the service."""
        now = self.clock.now()
        self._set(Variable(id=self.clock.new_id(), name=name, value=value, size=len(value), set_by="ada", created=now, updated=now))

    def set_secret(self, name: str, value: str) -> None:
        """A secret of the service: its value goes to the vault, the record gets the version."""
        scope, now = self._scope(), self.clock.now()
        path = scope_path(scope.id)
        known = self.engines.vault.read(path) or {}
        version = self.engines.vault.write(path, {**known, name: Secret(value)}, cas=scope.vault_version)
        variable = Variable(
            id=self.clock.new_id(), name=name, secret=True, vault_version=version, size=len(value), set_by="ada", created=now, updated=now
        )
        self._set(variable, vault_version=version)

    def _set(self, variable: Variable, **scope_changes: Any) -> None:
        scope = self._scope()
        self.store.commit([Put(replace(scope, variables={**scope.variables, variable.name: variable}, **scope_changes))])

    def _scope(self) -> Scope:
        owner = str(self.service.address)
        found = get_one(self.store, keys.scope("acme", owner))
        return found or Scope(id=self.service.id[::-1], workspace="acme", owner=owner, level=Level.SERVICE)

    def put_service(self, **changes: Any) -> None:
        self.store.commit([Put(replace(self.read_service(), **changes))])

    def active_snapshot(self) -> Snapshot:
        active = self.lane().active
        assert active is not None
        return load_snapshot(self.ports, self.service.id, active.snapshot)

    def digest_of_commit(self, commit: str) -> str:
        return "sha256:" + hashlib.sha256(commit.encode()).hexdigest()

    def audit_actions(self) -> list[str]:
        entries = all_of(self.store, f"OF#{self.lane().subject}", "AUDIT#")
        assert first_break(entries) == 0
        return [entry.action for entry in entries]

    def _ended(self, accepted: Accepted) -> Run:
        assert accepted.run is not None
        self.settle()
        return self.run(accepted.run.number)

    def run(self, number: int) -> Run:
        run = get_one(self.store, keys.run(self.service.id, number))
        assert run is not None
        return run

    def runs(self) -> list[Run]:
        return all_of(self.store, f"OF#{self.service.id}", "RUN#")

    def past_runs(self) -> list[Run]:
        """The runs of services that are gone."""
        return [run for service_id in self.past_services for run in all_of(self.store, f"OF#{service_id}", "RUN#")]

    def make_again(self) -> None:
        """The service is gone: one of the same address takes its place."""
        self.past_services.append(self.service.id)
        self.service = self.make_service(self.service.address)

    def lane(self) -> Lane:
        return get_one(self.store, keys.lane(self.service.id)) or Lane(service_id=self.service.id)

    def log_of(self, run: Run) -> str:
        return self.logs.read(deploy_log(run.owner, run.number)).decode()

    def settle(self, limit: timedelta = timedelta(hours=3)) -> None:
        """Lets time go on until no run and no chore is open but those far off, or `limit` is over."""
        end = self.clock.now() + limit
        while self.clock.now() < end and self._busy(end):
            self.tick()

    def advance(self, seconds: float) -> None:
        """Lets so much time go by, with everything that falls due in it."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while self._next_event() <= end:
            self.tick()
        self.clock.time = max(self.clock.time, end)

    def tick(self) -> None:
        """Moves on to the next event, and lets it happen."""
        self.clock.time = max(self.clock.time, self._next_event())
        if self.clock.now() >= self.next_sweep:
            self.next_sweep = self.clock.now() + timedelta(minutes=1)
            self._survived(lambda: sweep(self.ports))
        else:
            self._deliver(heapq.heappop(self.queue.messages))
        self.after_step()

    def _next_event(self) -> datetime:
        return min([self.next_sweep, *(message.visible_at for message in self.queue.messages[:1])])

    def _deliver(self, message: _Message) -> None:
        count = message.receives + 1

        def work() -> None:
            if "chore" in message.body:
                chores.look(self.ports, message.body)
            else:
                until = self.clock.now() + FUNCTION_TIME
                machine.look(self.ports, message.work, message.body, receive_count=count, until=until)

        if not self._survived(work) and count < 20:
            again = self.clock.now() + timedelta(seconds=VISIBILITY)
            self.queue.sent += 1
            heapq.heappush(self.queue.messages, _Message(again, self.queue.sent, message.work, message.body, count))

    def _survived(self, work: Callable[[], Any]) -> bool:
        try:
            work()
        except Death:
            return False
        return True

    def _busy(self, end: datetime) -> bool:
        open_runs = any(not run.finished for run in self.runs())
        return open_runs or any(message.visible_at <= self.clock.now() + timedelta(seconds=30) for message in self.queue.messages)


def digest_of(world: World, run: Run) -> str:
    """The digest of the image that a run built."""
    return world.digest_of_commit(run.facts["commit"])
