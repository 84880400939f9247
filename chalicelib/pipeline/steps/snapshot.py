"""Freezing: image and resolved config become a snapshot, the snapshot a deploy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chalicelib.domain import keys
from chalicelib.domain.builds import Build, Image
from chalicelib.domain.config import MAX_RESOLVED_BYTES, Resolved, Scope, chain, resolve, resolved_size
from chalicelib.domain.deploys import Deploy
from chalicelib.domain.hierarchy import Service, count_of
from chalicelib.domain.keep import Keep
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Outcome, Run, RunKind, Stage
from chalicelib.domain.secrets import Secret
from chalicelib.domain.snapshots import FrozenVariable, Snapshot, SnapshotRecord, frozen
from chalicelib.manifests.vault import scope_path, snapshot_path
from chalicelib.pipeline.loads import Gone, find_snapshot, load_lane, load_scopes, load_service, load_snapshot
from chalicelib.pipeline.narration import narrate
from chalicelib.pipeline.outcome import End, Go, StepResult, Wait, fail
from chalicelib.pipeline.slices import Slice
from chalicelib.pipeline.values import plain_value
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Check, Put, get_one
from chalicelib.ports.vault import VaultConflict


def snapshot(run: Run, ports: Ports, time: Slice) -> StepResult:
    """Chooses or makes the snapshot, freezes its secrets, and writes the deploy, unless exactly this runs already."""
    service, lane = load_service(ports, run), load_lane(ports, run)
    if run.kind is RunKind.CONFIG_ONLY and lane.active is None:
        return fail(run, "nothing_deployed", f"{run.address} runs nothing yet", f"deploy it first: ancla deploy {run.address}")
    base, checks = _base(ports, run, service, lane)
    if base is None:
        return _base_gone(run)
    checks.append(Check(keys.key_of(service), service.version))
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
    record: SnapshotRecord | None = ports.store.get([keys.snapshot(run.owner, made.hash)])[0]
    if record is not None and record.keep is not Keep.LIVE:
        return _expired_meanwhile(run)
    if record is None:
        secrets = _freeze_secrets(ports, run, made)
        if secrets is None:
            return _base_gone(run)
        record = _new_record(ports, run, made, secrets)
    return _recorded(ports, run, lane, made, record, checks)


def _resolves_own_scopes(run: Run) -> bool:
    """Whether the service's own variables of now go into the snapshot, not those of an earlier or another one."""
    return run.kind in {RunKind.DEPLOY, RunKind.CONFIG_ONLY} or (run.kind is RunKind.PROMOTION and run.request.config == "target")


def _base(ports: Ports, run: Run, service: Service, lane: Lane) -> tuple[Snapshot | None, list[Change]]:
    """What the new snapshot is made from (for a rollback and a plain promotion it is that very snapshot; None: it is gone), and what
    the commit has to check so that it is not retired at the same moment."""
    if run.kind in {RunKind.ROLLBACK, RunKind.PROMOTION}:
        source = run.owner if run.kind is RunKind.ROLLBACK else run.request.source_service_id
        record = get_one(ports.store, keys.snapshot(source, run.request.snapshot))
        if record is None or record.keep is not Keep.LIVE:
            return None, []
        return find_snapshot(ports, source, record.hash), [Check(keys.key_of(record), record.version)] if source != run.owner else []
    if run.kind is RunKind.CONFIG_ONLY and lane.active is not None:
        active = load_snapshot(ports, run.owner, lane.active.snapshot)
        return _with_settings(active, service), []
    build = get_one(ports.store, keys.build(run.owner, run.build))
    if build is None or build.image is None or build.keep is not Keep.LIVE:
        return None, []
    return _of_build(build, build.image, service), [Check(keys.key_of(build), build.version)]


def _of_build(build: Build, image: Image, service: Service) -> Snapshot:
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


def _freeze_secrets(ports: Ports, run: Run, made: Snapshot) -> int | None:
    """Copies the secrets to the service's own path, named by the snapshot, and returns the version that holds them: 0 where there are
    none, None where those that are promoted are gone. What an earlier try of this step wrote there is the same, and is taken; what was
    retired there before is destroyed, and a new version comes on top of it."""
    path = snapshot_path(run.owner, made.hash)
    if not made.secret_names:
        return 0
    newest = ports.vault.newest_version(path)
    if newest and ports.vault.read(path) is not None:
        return newest
    if run.kind is RunKind.PROMOTION and run.request.config == "source":
        values = ports.vault.read(snapshot_path(run.request.source_service_id, run.request.snapshot))
        if values is None:
            return None
    else:
        values = _resolved_secrets(ports, made)
    if set(values) != set(made.secret_names):
        raise Gone(f"secrets of {run.address}")
    try:
        return ports.vault.write(path, values, cas=newest)
    except VaultConflict:
        return newest + 1  # another try of this step was quicker, with the same values


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


def _base_gone(run: Run) -> StepResult:
    """What was chosen when the run was accepted has gone since."""
    if run.kind is RunKind.PROMOTION:
        said = f"the snapshot of {run.request.source_address} that was to be promoted is gone"
        return fail(run, "snapshot_expired", said, "promote what runs there now")
    if run.kind is RunKind.ROLLBACK:
        return fail(run, "snapshot_expired", "the snapshot to go back to has been removed", "deploy its commit again instead")
    said, hint = f"build v{run.build} has no image", f"choose a build that succeeded: ancla builds list {run.address}"
    return fail(run, "image_missing", said, hint)


def _expired_meanwhile(run: Run) -> StepResult:
    """The same snapshot is being removed at this moment: once it is gone it is made anew."""
    return _base_gone(run) if run.kind is RunKind.ROLLBACK else Wait(1.0, run)


def _new_record(ports: Ports, run: Run, made: Snapshot, secrets: int) -> SnapshotRecord:
    record = SnapshotRecord(
        service_id=run.owner,
        hash=made.hash,
        build=made.build,
        repository=made.image.repository,
        digest=made.image.digest,
        secrets=secrets,
        created=ports.clock.now(),
    )
    ports.logs.write(record.document, 0, made.document())
    return record


def _recorded(ports: Ports, run: Run, lane: Lane, made: Snapshot, record: SnapshotRecord, checks: list[Change]) -> StepResult:
    now = ports.clock.now()
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
        f"deploy {deploy.number}{_as_before(run)}: build v{made.build}, commit {made.commit[:12]}, "
        f"{_counted(len(made.config), 'variable')}, snapshot {made.hash[:12]}",
    )
    noted = replace(told, deploy=deploy.number, snapshot=made.hash, build=run.build or made.build).noting(timeout=made.deployment_timeout)
    kept: Change = Check(keys.key_of(record), record.version) if record.version else Put(record)
    return Go(Stage.PREFLIGHT, noted, (kept, Put(deploy), Put(replace(lane, deploys=deploy.number)), *checks))


def _as_before(run: Run) -> str:
    return f", as deploy {run.request.rollback_to} was" if run.request.rollback_to else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
