"""Taking down: a service, or an environment or project with all services in it."""

from __future__ import annotations

from chalicelib.domain import keys
from chalicelib.domain.addresses import Level
from chalicelib.domain.config import scope_owner
from chalicelib.domain.errors import Conflict
from chalicelib.domain.hierarchy import Environment, Project, Service
from chalicelib.domain.runs import Outcome, Request, Run, RunKind, Stage
from chalicelib.manifests import names
from chalicelib.manifests.vault import scope_path, snapshot_prefix
from chalicelib.pipeline.intents import accept
from chalicelib.pipeline.loads import fence_of
from chalicelib.pipeline.outcome import End, Go, StepResult, Wait
from chalicelib.pipeline.slices import Slice
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Delete, all_of

MAX_DELETES = 40
"""Records that one commit deletes at the most: each with its scope and the run, well below a transaction's limit."""


def take_down(run: Run, ports: Ports, time: Slice) -> StepResult:
    """Out of the catalog for good; then every anchor goes, and the cluster's own garbage collector takes what they own."""
    ports.catalog.deregister(run.owner, fence_of(run), for_good=True)
    namespace = names.namespace_of(run.address.workspace)
    for anchor in ports.cluster.list_anchors(namespace, run.owner):
        ports.cluster.delete_anchor(anchor)
    return Go(Stage.WATCH_TAKE_DOWN, run.noting(namespace=namespace))


def watch_take_down(run: Run, ports: Ports, time: Slice) -> StepResult:
    left = ports.cluster.list_objects(run.facts["namespace"], run.owner)
    return Wait(0.5, run) if left else Go(Stage.PURGE, run)


def purge(run: Run, ports: Ports, time: Slice) -> StepResult:
    """Its secrets, images and documents go; then its records, which frees the slug."""
    service, scope = ports.store.get([keys.service(run.address), keys.scope(run.address.workspace, scope_owner(run.address))])
    ports.vault.purge(snapshot_prefix(run.owner))
    ports.vault.disallow(run.owner)
    ports.registry.remove(names.repository_of(run.address, run.owner))
    ports.logs.remove(f"services/{run.owner}/snapshots")
    deletes: list[Change] = []
    if service is not None and service.id == run.owner:
        deletes.append(Delete(service))
        if scope is not None:
            ports.vault.purge(scope_path(scope.id))
            deletes.append(Delete(scope))
    return End(Outcome.SUCCEEDED, run, f"{run.address} is gone", changes=tuple(deletes))


def fan_out(run: Run, ports: Ports, time: Slice) -> StepResult:
    """A teardown for each service below; those that are being torn down already are left to it."""
    for service in _services_below(ports, run):
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
        return Wait(0.5, run)
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
    prefix = "/".join(run.address.parts[1:])
    return all_of(ports.store, f"WS#{run.address.workspace}", f"SERVICE#{prefix}/")


def _with_scopes(ports: Ports, workspace: str, records: list[Environment] | list[Project]) -> list[Change]:
    """Deletions of the records and of their scopes, whose secrets are purged first."""
    if not records:
        return []
    scopes = ports.store.get([keys.scope(workspace, scope_owner(record.address)) for record in records])
    for scope in scopes:
        if scope is not None:
            ports.vault.purge(scope_path(scope.id))
    return [*(Delete(record) for record in records), *(Delete(scope) for scope in scopes if scope is not None)]
