"""The world of a test: every port in memory, over virtual time, with builders for what most tests begin with."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chalicelib.adapters.embedded.logs import MemoryLogs
from chalicelib.adapters.embedded.queue import MemoryQueue
from chalicelib.adapters.embedded.tables import MemoryTable
from chalicelib.adapters.records import RecordStore
from chalicelib.domain.addresses import Address
from chalicelib.domain.hierarchy import Environment, Project, Service, Workspace
from chalicelib.domain.people import Membership, Role, WorkspaceOfUser
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Put
from chalicelib.settings import Settings, read_settings
from chalicelib.usecases import apikeys, environments, people, projects, services, workspaces
from chalicelib.usecases.access import Actor
from chalicelib.usecases.service_fields import ServiceFields
from tests.memory import MemoryEngines, memory_engines

BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass
class FakeClock:
    """Time that stands still until it is told to pass; ids and keys from a seed, so that a test repeats exactly."""

    time: datetime = BEGINNING
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311  (nothing here is to be kept secret)

    def now(self) -> datetime:
        return self.time

    def new_id(self) -> str:
        return str(uuid.UUID(bytes=self.chance.randbytes(16), version=4))

    def random_bytes(self, count: int) -> bytes:
        return self.chance.randbytes(count)

    def passes(self, **units: float) -> None:
        self.time += timedelta(**units)


@dataclass(frozen=True)
class World:
    """All ports, and the admin `ada` of the workspace `acme`. Builders go through the use cases, as people do."""

    clock: FakeClock
    engines: MemoryEngines
    ports: Ports
    ada: Actor
    ada_key: str = field(repr=False)

    def make_user(self, username: str) -> Actor:
        """A user who is a member of nothing."""
        issued = people.create_user(self.ports, username, email=f"{username}@example.com")
        return Actor(issued.record.user_id, username)

    def make_key(self, actor: Actor, *, scopes: tuple[str, ...] = (), client: str = "") -> str:
        metadata = {"client": client} if client else {}
        return apikeys.issue(self.ports, actor, name="test", scopes=scopes, metadata=metadata).key

    def join(self, actor: Actor, workspace: str, role: Role) -> None:
        """Makes the user a member of the workspace."""
        membership = Membership(workspace=workspace, user_id=actor.user_id, username=actor.username, role=role, created=self.clock.now())
        changes: list[Change] = [Put(membership), Put(WorkspaceOfUser(user_id=actor.user_id, workspace=workspace))]
        self.ports.store.commit(changes)

    def make_workspace(self, name: str = "acme") -> Workspace:
        return workspaces.create_workspace(self.ports, self.ada, name=name)

    def make_project(self, name: str = "shop", *, workspace: str = "acme") -> Project:
        return projects.create_project(self.ports, self.ada, workspace, name=name)

    def make_environment(self, name: str, *, project: str = "acme/shop") -> Environment:
        return environments.create_environment(self.ports, self.ada, Address.parse(project), name=name)

    def make_service(self, name: str = "web", *, environment: str = "acme/shop/production", fields: ServiceFields | None = None) -> Service:
        """A service, with all that is missing above it made first."""
        address = Address.parse(environment)
        if address.workspace not in {counted.workspace.slug for counted in workspaces.list_workspaces(self.ports, self.ada)}:
            self.make_workspace(address.workspace)
        if address.project not in {project.address.slug for project in projects.list_projects(self.ports, address.workspace)}:
            self.make_project(address.project, workspace=address.workspace)
        if address not in {known.address for known in environments.list_environments(self.ports, address.parent)}:
            self.make_environment(address.slug, project=str(address.parent))
        return services.create_service(self.ports, self.ada, address, name=name, fields=fields or ServiceFields()).service


def make_world() -> World:
    clock = FakeClock()
    engines = memory_engines(clock)
    ports = Ports(
        settings=_settings(),
        clock=clock,
        store=RecordStore(MemoryTable()),
        queue=MemoryQueue(clock),
        logs=MemoryLogs(),
        engines=engines,
    )
    first = people.create_user(ports, "ada", email="ada@example.com")
    return World(clock=clock, engines=engines, ports=ports, ada=Actor(first.record.user_id, "ada"), ada_key=first.key)


def _settings() -> Settings:
    return read_settings({"ANCLA_HOME": str(Path("/nowhere")), "ANCLA_WEBHOOK_SECRET": "hook"})
