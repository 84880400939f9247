"""Services of an environment, and how many processes of each type they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address, Level, chosen_slug
from chalicelib.domain.audit import audited
from chalicelib.domain.builds import Build
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.hierarchy import MAX_PROCESS_COUNT, Service, count_of
from chalicelib.domain.lanes import Lane
from chalicelib.domain.procfile import MAX_PROCESSES, RELEASE, is_process_name
from chalicelib.domain.runs import Request, RunKind
from chalicelib.pipeline.attempts import repeated
from chalicelib.pipeline.intents import accept
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Check, Put, Store, all_of, get_one
from chalicelib.usecases.access import Actor, check_version
from chalicelib.usecases.changes import written
from chalicelib.usecases.environments import get_environment
from chalicelib.usecases.projects import get_project
from chalicelib.usecases.refusals import check_open, slug_taken
from chalicelib.usecases.service_fields import ServiceFields, with_fields
from chalicelib.usecases.teams import get_team

BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceWithLane:
    """A service with its lane: what is set, and what of it runs."""

    service: Service
    lane: Lane

    @property
    def process_counts(self) -> Mapping[str, int]:
        """The wanted count of every process that is known: those that run, and those that a count was set for."""
        running = self.lane.active.counts if self.lane.active else {}
        known = sorted({*running, *self.service.process_counts})
        return {process: count_of(self.service.process_counts, process) for process in known}


def list_services(ports: Ports, environment: Address) -> list[ServiceWithLane]:
    services: list[Service] = all_of(ports.store, *keys.services(environment))
    lanes: list[Lane | None] = []
    for start in range(0, len(services), BATCH):
        lanes += ports.store.get([keys.lane(service.id) for service in services[start : start + BATCH]])
    return [_joined(service, lane) for service, lane in zip(services, lanes, strict=True)]


def with_lane(ports: Ports, service: Service) -> ServiceWithLane:
    return _joined(service, get_one(ports.store, keys.lane(service.id)))


def create_service(
    ports: Ports, actor: Actor, environment: Address, *, name: str, slug: str = "", fields: ServiceFields
) -> ServiceWithLane:
    address = environment.child(chosen_slug(name, slug))
    return repeated(lambda: _create(ports, actor, address, replace(fields, name=name)))


def change_service(ports: Ports, actor: Actor, address: Address, fields: ServiceFields, *, expected: int | None = None) -> ServiceWithLane:
    """The service with the fields that are given; what runs is touched by the next deploy, not by this."""

    def attempt() -> ServiceWithLane:
        service = _open_service(ports.store, address)
        check_version(service, expected)
        changed = with_fields(service, fields, local_repositories=ports.settings.local_repositories)
        team = _team_check(ports.store, fields, address)
        return with_lane(ports, written(ports, actor, changed, "change", alongside=team, fields=", ".join(fields.given)))

    return repeated(attempt)


def scale_service(ports: Ports, actor: Actor, address: Address, counts: Mapping[str, int]) -> ServiceWithLane:
    """Sets the counts of the processes that are named, and begins to bring them about; the others keep theirs."""
    _check_counts(counts)

    def attempt() -> ServiceWithLane:
        service = _open_service(ports.store, address)
        _check_known(counts, known_processes(ports.store, service.id), address)
        now = ports.clock.now()
        wanted = {**service.process_counts, **counts}
        moved, entry = audited(
            replace(service, process_counts=wanted, updated=now),
            subject=service.id,
            at=now,
            by=actor.username,
            action="scale",
            counts=", ".join(f"{process}={count}" for process, count in sorted(counts.items())),
        )
        accept(ports, service, Request(kind=RunKind.SCALE, by=actor.username), changes=[Put(moved), Put(entry)])
        return with_lane(ports, replace(moved, version=moved.version + 1))

    return repeated(attempt)


def delete_service(ports: Ports, actor: Actor, address: Address, *, expected: int | None = None) -> None:
    """Begins to take the service down. One that is being taken down already is left to that."""

    def attempt() -> None:
        service = get_service(ports.store, address)
        check_version(service, expected)
        if not service.closing:
            closing = Put(replace(service, closing=True))
            accept(ports, service, Request(kind=RunKind.TEARDOWN, by=actor.username), changes=[closing])

    repeated(attempt)


def get_service(store: Store, address: Address) -> Service:
    service = get_one(store, keys.service(address))
    if service is None:
        raise NotFound(f"there is no service {str(address)!r}", code="service_not_found", hint="list the services of the environment")
    return service


def known_processes(store: Store, service_id: str) -> Sequence[str] | None:
    """The process types of the newest build that has an image; None when there is none yet."""
    partition, prefix = keys.builds(service_id)
    after: str | None = None
    while True:
        page = store.query(partition, prefix, newest_first=True, limit=20, after=after)
        builds: Sequence[Build] = page.items
        for build in builds:
            if build.image is not None:
                return tuple(process for process in build.image.processes if process != RELEASE)
        if page.next is None:
            return None
        after = page.next


def _joined(service: Service, lane: Lane | None) -> ServiceWithLane:
    return ServiceWithLane(service=service, lane=lane or Lane(service_id=service.id))


def _open_service(store: Store, address: Address) -> Service:
    service = get_service(store, address)
    check_open(service)
    return service


def _create(ports: Ports, actor: Actor, address: Address, fields: ServiceFields) -> ServiceWithLane:
    environment = get_environment(ports.store, address.at(Level.ENVIRONMENT))
    project = get_project(ports.store, address.at(Level.PROJECT))
    check_open(project)
    check_open(environment)
    if get_one(ports.store, keys.service(address)) is not None:
        raise slug_taken(address)
    now = ports.clock.now()
    blank = Service(id=ports.clock.new_id(), address=address, name="", created=now, updated=now)
    fresh = with_fields(blank, fields, local_repositories=ports.settings.local_repositories)
    service, entry = audited(fresh, subject=fresh.id, at=now, by=actor.username, action="create", address=str(address))
    parents: list[Change] = [Check(keys.key_of(parent), parent.version) for parent in (project, environment)]
    ports.store.commit([Put(service), Put(entry), *parents, *_team_check(ports.store, fields, address)])
    return _joined(replace(service, version=1), None)


def _team_check(store: Store, fields: ServiceFields, address: Address) -> list[Change]:
    """That the team which is to own the service is there, and stays until the commit."""
    if not fields.team:
        return []
    team = get_team(store, address.workspace, fields.team)
    return [Check(keys.key_of(team), team.version)]


def _check_counts(counts: Mapping[str, int]) -> None:
    if not counts:
        raise Invalid(
            "no process is named", code="counts_empty", hint="name at least one, for example web=2", extra={"process_counts": "empty"}
        )
    if len(counts) > MAX_PROCESSES:
        raise Invalid(
            f"{len(counts):,} processes are named; a service has at most {MAX_PROCESSES}",
            code="process_invalid",
            hint="name the processes of the Procfile, such as web",
            extra={"process_counts": "too many"},
        )
    for process, count in counts.items():
        if not is_process_name(process) or process == RELEASE:
            raise Invalid(
                f"{process[:80]!r} cannot be a process that keeps running",
                code="process_invalid",
                hint="use the name of a process in the Procfile, such as web",
                extra={"process_counts": "not a process type"},
            )
        if not 0 <= count <= MAX_PROCESS_COUNT:
            raise Invalid(
                f"{process} cannot run {count} times",
                code="count_invalid",
                hint=f"use a number from 0 to {MAX_PROCESS_COUNT}",
                extra={f"process_counts.{process}": f"not from 0 to {MAX_PROCESS_COUNT}"},
            )


def _check_known(counts: Mapping[str, int], known: Sequence[str] | None, address: Address) -> None:
    unknown = sorted(set(counts) - set(known)) if known is not None else []
    if unknown:
        raise Invalid(
            f"{address} has no process {', '.join(unknown)}",
            code="process_unknown",
            hint=f"its processes are {', '.join(known or ())}",
            extra={"process_counts": f"unknown: {', '.join(unknown)}"},
        )
