"""Taking down: a service, or an environment or project with all services in it."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address, Level
from chalicelib.domain.config import scope_owner
from chalicelib.domain.errors import Conflict
from chalicelib.domain.hierarchy import Environment, Project, Service
from chalicelib.domain.runs import Outcome, Request, Run, RunKind, Stage
from chalicelib.manifests import names
from chalicelib.manifests.vault import scope_path, snapshot_prefix
from chalicelib.pipeline.backoff import patience
from chalicelib.pipeline.intents import accept
from chalicelib.pipeline.loads import fence_of, find_snapshot
from chalicelib.pipeline.outcome import End, Go, StepResult, Wait
from chalicelib.pipeline.retirement import needed_images, open_runs, services_of_project
from chalicelib.pipeline.slices import Slice
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Delete, all_of, get_one

MAX_DELETES = 40
"""Records that one commit deletes at the most: each with its scope and the run, well below a transaction's limit."""


def take_down(run: Run, ports: Ports, time: Slice) -> StepResult:
    """Out of the catalog for good; then every anchor goes, and the cluster's own garbage collector takes what they own."""
    ports.catalog.deregister(run.owner, fence_of(run), for_good=True)
    delete_anchors(ports, run.address, run.owner)
    return Go(Stage.WATCH_TAKE_DOWN, run.noting(namespace=names.namespace_of(run.address.workspace)))


def watch_take_down(run: Run, ports: Ports, time: Slice) -> StepResult:
    if not ports.cluster.list_objects(run.facts["namespace"], run.owner):
        return Go(Stage.PURGE, run)
    delete_anchors(ports, run.address, run.owner)  # one may have come late
    return _look_later(run, ports)


def purge(run: Run, ports: Ports, time: Slice) -> StepResult:
    """Its secrets, images and documents go; then its records, which frees the slug."""
    service, scope = ports.store.get([keys.service(run.address), keys.scope(run.address.workspace, scope_owner(run.address))])
    purge_outside(ports, run.address, run.owner)
    deletes: list[Change] = []
    if service is not None and service.id == run.owner:
        deletes.append(Delete(service))
        if scope is not None:
            ports.vault.purge(scope_path(scope.id))
            deletes.append(Delete(scope))
    return End(Outcome.SUCCEEDED, run, f"{run.address} is gone", changes=tuple(deletes))


def delete_anchors(ports: Ports, address: Address, service_id: str) -> None:
    for anchor in ports.cluster.list_anchors(names.namespace_of(address.workspace), service_id):
        ports.cluster.delete_anchor(anchor)


def purge_outside(ports: Ports, address: Address, service_id: str) -> None:
    """Secrets, images and snapshots of a service that is gone. An image that was promoted goes with the last service that uses it."""
    ports.vault.purge(snapshot_prefix(service_id))
    ports.vault.disallow(service_id)
    needed = _repositories_needed(ports, address, service_id)
    for repository in {names.repository_of(address, service_id), *_repositories_promoted_to(ports, service_id)} - needed:
        ports.registry.remove(repository)
    ports.logs.remove(f"services/{service_id}/snapshots")


def fan_out(run: Run, ports: Ports, time: Slice) -> StepResult:
    """A teardown for each service below; those that are being torn down already are left to it."""
    for service in _services_below(ports, run):
        if not time.left():
            return Wait(0, run)
        if not service.closing:
            try:
                accept(ports, service, Request(kind=RunKind.TEARDOWN, by=run.request.by))
            except Conflict as conflict:
                if conflict.code != "service_closing":
                    raise
    return Go(Stage.WATCH_FAN_OUT, run)


def watch_fan_out(run: Run, ports: Ports, time: Slice) -> StepResult:
    """Waits until no service is left, then deletes the records from the leaves up."""
    services = _services_below(ports, run)
    if any(not service.closing for service in services):
        return Go(Stage.FAN_OUT, run.noting(again=int(run.facts.get("again", "0")) + 1))
    if services:
        return _look_later(run, ports)
    environments: list[Environment] = []
    if run.address.level is Level.PROJECT:
        prefix = f"ENV#{run.address.project}/"
        environments = all_of(ports.store, f"WS#{run.address.workspace}", prefix)
    batch = environments[:MAX_DELETES]
    deletes = _with_scopes(ports, run.address.workspace, batch)
    if len(environments) > len(batch):
        return Wait(0, run, tuple(deletes))
    key: keys.Key[Environment] | keys.Key[Project] = (
        keys.project(run.address) if run.address.level is Level.PROJECT else keys.environment(run.address)
    )
    record = ports.store.get([key])[0]
    if record is not None and record.id == run.owner:
        deletes += _with_scopes(ports, run.address.workspace, [record])
    return End(Outcome.SUCCEEDED, run, f"{run.address} is gone", changes=tuple(deletes))


def _services_below(ports: Ports, run: Run) -> list[Service]:
    return all_of(ports.store, *keys.services(run.address))


def _look_later(run: Run, ports: Ports) -> Wait:
    return Wait(patience(0.5, (ports.clock.now() - run.stage_since).total_seconds()), run)


def _repositories_needed(ports: Ports, address: Address, service_id: str) -> set[str]:
    """Where the images lie that the project's other services can go back to, or are just being given."""
    others = [service for service in services_of_project(ports, address) if service.id != service_id]
    needed = {repository for repository, _ in needed_images(ports, others)}
    for service in others:
        needed.add(names.repository_of(service.address, service.id))
        lane = get_one(ports.store, keys.lane(service.id))
        for run in open_runs(ports, lane) if lane is not None else []:
            if run.kind is RunKind.PROMOTION:
                needed |= _repositories(ports, run.request.source_service_id, [run.request.snapshot])
                # The snapshots of the service that goes may be gone already, when this is done a second time.
                needed |= {names.repository_of(address, service_id)} if run.request.source_service_id == service_id else set()
    return needed


def _repositories_promoted_to(ports: Ports, service_id: str) -> set[str]:
    """Where the images of others lie that the service was given, or was about to be given."""
    runs: list[Run] = all_of(ports.store, *keys.runs(service_id))
    promotions = [run for run in runs if run.kind is RunKind.PROMOTION]
    sources = {names.repository_of(Address.parse(run.request.source_address), run.request.source_service_id) for run in promotions}
    return sources | _repositories(ports, service_id, [run.snapshot for run in promotions if run.snapshot])


def _repositories(ports: Ports, service_id: str, snapshots: Iterable[str]) -> set[str]:
    """Where the images of those snapshots lie that are still there."""
    found = [find_snapshot(ports, service_id, snapshot) for snapshot in snapshots]
    return {snapshot.image.repository for snapshot in found if snapshot is not None}


def _with_scopes(ports: Ports, workspace: str, records: list[Environment] | list[Project]) -> list[Change]:
    """Deletions of the records and of their scopes, whose secrets are purged first."""
    if not records:
        return []
    scopes = ports.store.get([keys.scope(workspace, scope_owner(record.address)) for record in records])
    for scope in scopes:
        if scope is not None:
            ports.vault.purge(scope_path(scope.id))
    return [*(Delete(record) for record in records), *(Delete(scope) for scope in scopes if scope is not None)]
