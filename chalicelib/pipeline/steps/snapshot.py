"""Freezing: image and resolved config become a snapshot, the snapshot a deploy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chalicelib.domain import keys
from chalicelib.domain.builds import Image
from chalicelib.domain.config import MAX_RESOLVED_BYTES, Resolved, Scope, chain, resolve, resolved_size
from chalicelib.domain.deploys import Deploy
from chalicelib.domain.hierarchy import Service, count_of
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Outcome, Run, RunKind, Stage
from chalicelib.domain.secrets import Secret
from chalicelib.domain.snapshots import FrozenVariable, Keep, Snapshot, SnapshotRecord, frozen
from chalicelib.manifests.vault import scope_path, snapshot_path
from chalicelib.pipeline.loads import Gone, load_lane, load_scopes, load_service, load_snapshot
from chalicelib.pipeline.narration import narrate
from chalicelib.pipeline.outcome import End, Go, StepResult, fail
from chalicelib.pipeline.slices import Slice
from chalicelib.pipeline.values import plain_value
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Check, Put
from chalicelib.ports.vault import VaultConflict


def snapshot(run: Run, ports: Ports, time: Slice) -> StepResult:
    """Chooses or makes the snapshot, freezes its secrets, and writes the deploy, unless exactly this runs already."""
    service, lane = load_service(ports, run), load_lane(ports, run)
    if run.kind is RunKind.CONFIG_ONLY and lane.active is None:
        return fail(run, "nothing_deployed", f"{run.address} runs nothing yet", f"deploy it first: ancla deploy {run.address}")
    checks: list[Change] = [Check(keys.key_of(service), service.version)]
    base = _base(ports, run, service, lane)
    if base is None:
        return fail(
            run,
            "image_missing",
            f"build v{run.request.build} has no image",
            f"choose a build that succeeded: ancla builds list {run.address}",
        )
    scopes = load_scopes(ports, service) if _resolves_own_scopes(run) else None
    if scopes is None:
        made = base
    else:
        checks += _scope_checks(service, scopes)
        resolved = resolve(scopes)
        size = resolved_size(resolved.values())
        if size > MAX_RESOLVED_BYTES:
            return fail(
                run,
                "config_too_large",
                f"the variables come to {size:,} bytes; one deploy carries {MAX_RESOLVED_BYTES:,}",
                "delete variables that are not used, or keep large values outside",
            )
        made = replace(base, config={name: _frozen(ports, entry) for name, entry in resolved.items()})
    counts = {process: count_of(service.process_counts, process) for process in made.processes}
    if lane.active is not None and lane.active.snapshot == made.hash and dict(lane.active.counts) == counts:
        return End(Outcome.UNCHANGED, run, f"deploy {lane.active.deploy} runs exactly this already")
    _freeze_secrets(ports, run, made)
    return _recorded(ports, run, lane, made, checks)


def _resolves_own_scopes(run: Run) -> bool:
    """Whether the service's own variables of now go into the snapshot, not those of an earlier or another one."""
    return run.kind in {RunKind.DEPLOY, RunKind.CONFIG_ONLY} or (run.kind is RunKind.PROMOTION and run.request.config == "target")


def _base(ports: Ports, run: Run, service: Service, lane: Lane) -> Snapshot | None:
    """What the new snapshot is made from; for a rollback and a plain promotion it is that very snapshot."""
    if run.kind is RunKind.ROLLBACK:
        return load_snapshot(ports, run.owner, run.request.snapshot)
    if run.kind is RunKind.PROMOTION:
        return load_snapshot(ports, run.request.source_service_id, run.request.snapshot)
    if run.kind is RunKind.CONFIG_ONLY and lane.active is not None:
        active = load_snapshot(ports, run.owner, lane.active.snapshot)
        return _with_settings(active, service)
    build = ports.store.get([keys.build(run.owner, run.build)])[0]
    if build is None or build.image is None:
        return None
    image: Image = build.image
    made_by = build.reused or build.number  # the same image, config and settings are the same snapshot
    fresh = Snapshot(image=image, build=made_by, commit=build.commit, health_check_path="", deployment_timeout=0)
    return _with_settings(fresh, service)


def _with_settings(base: Snapshot, service: Service) -> Snapshot:
    return replace(base, health_check_path=service.health_check_path, deployment_timeout=service.deployment_timeout)


def _scope_checks(service: Service, scopes: list[Scope | None]) -> list[Change]:
    """So that no mix of two moments is ever frozen: absent scopes are checked too."""
    owners = chain(service.address, service.team)
    return [
        Check(keys.scope(service.address.workspace, owner), scope.version if scope else 0)
        for owner, scope in zip(owners, scopes, strict=True)
    ]


def _frozen(ports: Ports, entry: Resolved) -> FrozenVariable:
    return frozen(entry, "" if entry.variable.secret else plain_value(ports, entry.variable))


def _freeze_secrets(ports: Ports, run: Run, made: Snapshot) -> None:
    """Copies the secrets to the service's own path, named by the snapshot: create-only, so what is there is the same."""
    path = snapshot_path(run.owner, made.hash)
    if not made.secret_names or ports.vault.newest_version(path):
        return
    if run.kind is RunKind.PROMOTION and run.request.config == "source":
        values = ports.vault.read(snapshot_path(run.request.source_service_id, run.request.snapshot))
    else:
        values = _resolved_secrets(ports, made)
    if values is None or set(values) != set(made.secret_names):
        raise Gone(f"secrets of {run.address}")
    try:
        ports.vault.write(path, values, cas=0)
    except VaultConflict:
        return  # another try of this step was quicker, with the same values


def _resolved_secrets(ports: Ports, made: Snapshot) -> dict[str, Secret]:
    entries: dict[tuple[str, int], Mapping[str, Secret]] = {}
    values: dict[str, Secret] = {}
    for name in made.secret_names:
        frozen = made.config[name]
        entry = (frozen.scope_id, frozen.vault_version)
        if entry not in entries:
            entries[entry] = ports.vault.read(scope_path(frozen.scope_id), version=frozen.vault_version) or {}
        if name in entries[entry]:
            values[name] = entries[entry][name]
    return values


def _recorded(ports: Ports, run: Run, lane: Lane, made: Snapshot, checks: list[Change]) -> StepResult:
    now = ports.clock.now()
    record: SnapshotRecord | None = ports.store.get([keys.snapshot(run.owner, made.hash)])[0]
    if record is not None and record.keep is Keep.EXPIRING:
        return fail(run, "snapshot_expired", "the snapshot is being removed", "deploy the commit again instead")
    fresh = SnapshotRecord(service_id=run.owner, hash=made.hash, build=made.build, created=now)
    ports.logs.write(fresh.document, 0, made.document())
    deploy = Deploy(
        service_id=run.owner,
        number=lane.deploys + 1,
        id=run.deploy_id,
        run=run.number,
        snapshot=made.hash,
        build=made.build,
        commit=made.commit,
        created=now,
        updated=now,
    )
    told = narrate(
        ports,
        run,
        f"deploy {deploy.number}: build v{made.build}, commit {made.commit[:12]}, "
        f"{_counted(len(made.config), 'variable')}, snapshot {made.hash[:12]}",
    )
    noted = replace(told, deploy=deploy.number, snapshot=made.hash, build=run.build or made.build).noting(timeout=made.deployment_timeout)
    kept: Change = Put(fresh) if record is None else Check(keys.key_of(record), record.version)
    return Go(Stage.PREFLIGHT, noted, (kept, Put(deploy), Put(replace(lane, deploys=deploy.number)), *checks))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
