"""Ancla over virtual time: the real pipeline, the in-memory store and engines, and a clock that only moves when told to."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.adapters.records import RecordStore
from chalicelib.domain import keys
from chalicelib.domain.addresses import Address, Level
from chalicelib.domain.audit import first_break
from chalicelib.domain.config import Scope, Variable
from chalicelib.domain.deploys import deploy_log
from chalicelib.domain.errors import AnclaError, Conflict
from chalicelib.domain.hierarchy import Environment, Project, Service, Source, Workspace
from chalicelib.domain.keys import Index
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
from chalicelib.ports.queue import MAX_RECEIVES
from chalicelib.ports.store import Put, all_of, get_one
from chalicelib.settings import read_settings
from tests.memory import MemoryEngines, memory_engines
from tests.simulation.virtual import START, Message, RecordingLogs, RecordingTable, VirtualClock, VirtualQueue

FUNCTION_TIME = timedelta(seconds=12)
SWEEP_EVERY = timedelta(minutes=1)
REPOSITORY = "https://git.example/acme/api.git"
FILES = {"Procfile": "web: python server.py\nworker: python worker.py\n"}
API = Address("acme", "shop", "staging", "api")


class Death(BaseException):
    """The worker dies here: nothing of what comes after happens, nor is its message acknowledged."""


class World:
    """One workspace with one service (more can be made), and everything that makes it run."""

    def __init__(
        self, seed: int = 0, *, index_lag: int = 0, kept: int = 20, wrap: Callable[[str, Any], Any] = lambda name, port: port
    ) -> None:
        self.clock = VirtualClock(seed)
        self.index_lag = index_lag
        self.queue = VirtualQueue(self.clock)
        self.engines: MemoryEngines = memory_engines(self.clock)
        self.table = RecordingTable(index_lag=index_lag)
        self.store = RecordStore(self.table)
        self.logs = RecordingLogs()
        self.ports = Ports(
            settings=read_settings({"ANCLA_HOME": str(Path("/nonexistent")), "ANCLA_KEEP_DEPLOYS": str(kept)}),
            clock=self.clock,
            store=wrap("store", self.store),
            queue=wrap("queue", self.queue),
            logs=wrap("logs", self.logs),
            engines=MemoryEngines(**{name: wrap(name, port) for name, port in vars(self.engines).items()}),
        )
        self.engines.builder.wait = self.engines.cluster.wait = self.advance
        self.next_sweep = START + SWEEP_EVERY
        self.after_step: Callable[[], None] = lambda: None
        self.ids: dict[str, Address] = {}
        """The services that there ever were: their addresses by id."""
        self.environment_ids: list[str] = []
        self._make_hierarchy()
        self.service = self.make_service(API)

    def _make_hierarchy(self) -> None:
        now = self.clock.now()
        self.store.commit(
            [
                Put(Workspace(id=self.clock.new_id(), slug="acme", name="Acme", created=now, updated=now)),
                Put(Project(id=self.clock.new_id(), address=Address("acme", "shop"), name="Shop", created=now, updated=now)),
            ]
        )
        for slug in ("staging", "production"):
            self.make_environment(Address("acme", "shop", slug))

    def make_environment(self, address: Address) -> None:
        now = self.clock.now()
        environment = Environment(id=self.clock.new_id(), address=address, name=address.environment, created=now, updated=now)
        self.store.commit([Put(environment)])
        self.environment_ids.append(environment.id)

    def make_service(self, address: Address, **settings: Any) -> Service:
        now = self.clock.now()
        source = Source(location=REPOSITORY, branch="main")
        service = Service(
            id=self.clock.new_id(), address=address, name=address.service, source=source, created=now, updated=now, **settings
        )
        self.store.commit([Put(service)])
        self.ids[service.id] = address
        return self.read_service(address)

    def find_service(self, address: Address = API) -> Service | None:
        return get_one(self.store, keys.service(address))

    def read_service(self, address: Address = API) -> Service:
        service = self.find_service(address)
        if service is None:
            raise Conflict("the service is gone", code="service_closing")
        return service

    def put_service(self, address: Address = API, **changes: Any) -> None:
        self.store.commit([Put(replace(self.read_service(address), **changes))])

    def find_environment(self, address: Address) -> Environment | None:
        return get_one(self.store, keys.environment(address))

    # What people and webhooks do

    def push(self, files: Mapping[str, str] = FILES) -> str:
        return self.engines.source.push(REPOSITORY, "main", files)

    def accept(self, kind: RunKind = RunKind.DEPLOY, *, at: Address = API, **request: Any) -> Accepted:
        return accept(self.ports, self.read_service(at), Request(kind=kind, by="ada", **request))

    def accept_push(self, commit: str, *, at: Address = API) -> Accepted:
        return self.accept(at=at, trigger=Trigger.PUSH, ref=commit)

    def unpin(self, address: Address = API) -> Accepted | None:
        return intents.unpin(self.ports, self.read_service(address), "ada")

    def pin(self, address: Address = API) -> None:
        intents.pin(self.ports, self.read_service(address), "ada")

    def set_variable(self, name: str, value: str, *, at: Address = API) -> None:
        """A plain variable of the service."""
        now = self.clock.now()
        variable = Variable(id=self.clock.new_id(), name=name, value=value, size=len(value), set_by="ada", created=now, updated=now)
        self._set(at, variable)

    def set_secret(self, name: str, value: str, *, at: Address = API, buildtime: bool = False, committed: bool = True) -> None:
        """A secret of the service: its value goes to the vault, the record gets the version, unless its writer dies in between."""
        scope, now = self.scope_of(at), self.clock.now()
        path = scope_path(scope.id)
        known = self.engines.vault.read(path) or {}
        version = self.engines.vault.write(path, {**known, name: Secret(value)}, cas=self.engines.vault.newest_version(path))
        if committed:
            plain = Variable(id=self.clock.new_id(), name=name, size=len(value), set_by="ada", created=now, updated=now)
            self._set(at, replace(plain, secret=True, buildtime=buildtime, vault_version=version), vault_version=version)

    def _set(self, address: Address, variable: Variable, **scope_changes: Any) -> None:
        scope = self.scope_of(address)
        self.store.commit([Put(replace(scope, variables={**scope.variables, variable.name: variable}, **scope_changes))])

    def scope_of(self, address: Address) -> Scope:
        """The scope of the service itself, as it is or as it would begin."""
        owner, service = str(address), self.read_service(address)
        found = get_one(self.store, keys.scope("acme", owner))
        return found or Scope(id=service.id[::-1], workspace="acme", owner=owner, level=Level.SERVICE)

    # What tests of one service ask for

    def deploy(self, files: Mapping[str, str] = FILES, *, at: Address = API) -> Run:
        """Pushes and deploys, until all is quiet; the run as it ended."""
        self.push(files)
        return self.ended(self.accept(at=at))

    def deploy_unhealthy(self) -> Run:
        """A deploy whose image never gets ready; the run as it ended."""
        commit = self.push({**FILES, "VERSION": f"unhealthy {self.clock.new_id()}"})
        self.engines.cluster.unhealthy.add(self.digest_of_commit(commit))
        return self.ended(self.accept())

    def roll_back_to(self, number: int) -> Run:
        deploy = get_one(self.store, keys.deploy(self.service.id, number))
        assert deploy is not None
        return self.ended(self.accept(RunKind.ROLLBACK, snapshot=deploy.snapshot, rollback_to=number))

    def ended(self, accepted: Accepted) -> Run:
        """The accepted run once all is quiet."""
        assert accepted.run is not None
        self.settle()
        run = get_one(self.store, keys.run(accepted.run.owner, accepted.run.number))
        assert run is not None
        return run

    def run(self, number: int) -> Run:
        run = get_one(self.store, keys.run(self.service.id, number))
        assert run is not None
        return run

    def lane(self) -> Lane:
        return self.lane_of(self.service.id)

    def active_snapshot(self) -> Snapshot:
        active = self.lane().active
        assert active is not None
        return self.snapshot_of(self.service.id, active.snapshot)

    def log_of(self, run: Run) -> str:
        return self.logs.read(deploy_log(run.owner, run.number)).decode()

    def audit_actions(self) -> list[str]:
        entries = all_of(self.store, *keys.audit_trail(self.lane().subject))
        assert first_break(entries) == 0
        return [entry.action for entry in entries]

    # What is looked at from outside, past all faults

    def lane_of(self, service_id: str) -> Lane:
        return get_one(self.store, keys.lane(service_id)) or Lane(service_id=service_id)

    def runs_of(self, owner: str) -> list[Run]:
        return all_of(self.store, *keys.runs(owner))

    def trees(self) -> list[Run]:
        """The deletions of environments that there ever were."""
        return [run for owner in self.environment_ids for run in self.runs_of(owner)]

    def snapshot_of(self, service_id: str, snapshot_hash: str) -> Snapshot:
        return load_snapshot(replace(self.ports, logs=self.logs), service_id, snapshot_hash)

    def digest_of_commit(self, commit: str) -> str:
        return "sha256:" + hashlib.sha256(commit.encode()).hexdigest()

    # Time

    def settle(self, limit: timedelta = timedelta(hours=3)) -> None:
        """Lets time go on until no run is open and no message is about to come, or `limit` is over."""
        end = self.clock.now() + limit
        while self.clock.now() < end and self._busy():
            self.tick()

    def advance(self, seconds: float) -> None:
        """Lets so much time go by, with everything that falls due in it."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while self._next_event() <= end:
            self.tick()
        self.clock.time = max(self.clock.time, end)

    def rest(self, days: float) -> None:
        """Lets days go by; minutes in which a sweep would find nothing are skipped."""
        end = self.clock.now() + timedelta(days=days)
        while self.clock.now() < end:
            due = [record.look_at for record in self.open_records()]
            self.next_sweep = max(self.next_sweep, min([*due, end]))
            self.advance(max(0.0, (min(self._next_event(), end) - self.clock.now()).total_seconds()))

    def open_records(self) -> list[Any]:
        """The open runs and chores, as the sweep can see them."""
        found = self.store.find(Index.DUE, keys.OPEN, limit=100).items
        records = [record for record in (self.store.get(found) if found else []) if record is not None]
        return [record for record in records if not (isinstance(record, Run) and record.finished)]

    def tick(self) -> None:
        """Moves on to the next event, and lets it happen."""
        self.clock.time = max(self.clock.time, self._next_event())
        if self.clock.now() >= self.next_sweep:
            self.next_sweep = self.clock.now() + SWEEP_EVERY
            self._survived(lambda: sweep(self.ports))
        else:
            self._deliver(heapq.heappop(self.queue.messages))
        self.after_step()

    def _next_event(self) -> datetime:
        return min([self.next_sweep, *(message.visible_at for message in self.queue.messages[:1])])

    def _deliver(self, message: Message) -> None:
        count = message.receives + 1

        def work() -> None:
            if "chore" in message.body:
                chores.look(self.ports, message.body)
            else:
                until = self.clock.now() + FUNCTION_TIME
                machine.look(self.ports, message.work, message.body, receive_count=count, until=until)

        if not self._survived(work) and count < MAX_RECEIVES:
            self.queue.give_back(message)

    def _survived(self, work: Callable[[], Any]) -> bool:
        """Whether `work` came to its end: neither did its worker die, nor did a port's failure end it."""
        try:
            work()
        except (Death, AnclaError):
            return False
        return True

    def _busy(self) -> bool:
        soon = self.clock.now() + timedelta(seconds=30)
        if any(message.visible_at <= soon for message in self.queue.messages):
            return True
        return any(not run.finished for owner in self.ids for run in self.runs_of(owner))


def digest_of(world: World, run: Run) -> str:
    """The digest of the image that a run built."""
    return world.digest_of_commit(run.facts["commit"])
