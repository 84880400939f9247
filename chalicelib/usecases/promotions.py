"""Promotion: what runs in one environment, given to the same service in another."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chalicelib.domain import keys
from chalicelib.domain.config import resolve
from chalicelib.domain.errors import Conflict, Invalid, StaleWrite
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.keep import Keep
from chalicelib.domain.lanes import Lane
from chalicelib.domain.promotions import ConfigFrom, Preview, preview
from chalicelib.domain.runs import Request, RunKind
from chalicelib.domain.snapshots import FrozenVariable, Snapshot, SnapshotRecord, frozen, parse_document
from chalicelib.pipeline.intents import Accepted, accept
from chalicelib.pipeline.loads import load_scopes
from chalicelib.pipeline.values import plain_value
from chalicelib.ports import Ports
from chalicelib.usecases.deploys import unexpired
from chalicelib.usecases.refusals import check_open


@dataclass(frozen=True, slots=True)
class Promotion:
    """From which service, to which, and whose variables the deploy gets."""

    source: Service
    target: Service
    config: ConfigFrom = ConfigFrom.SOURCE


def read_preview(ports: Ports, promotion: Promotion) -> Preview:
    """What the promotion would change now. Changes nothing. Raises Conflict while the source runs nothing."""
    return _prepared(ports, promotion)[0]


def promote(ports: Ports, promotion: Promotion, *, shown: str, by: str) -> Accepted:
    """Accepts the promotion. `shown` is the hash of the preview that was agreed to (empty: none was looked at); raises StaleWrite,
    code `preview_outdated`, when it would do anything else by now."""
    now, record = _prepared(ports, promotion)
    if shown and shown != now.hash:
        raise StaleWrite(
            f"promoting {promotion.source.address} to {promotion.target.address} would not do any more what the preview showed",
            code="preview_outdated",
            hint="look at the preview again, and send its hash",
        )
    request = Request(
        kind=RunKind.PROMOTION,
        by=by,
        snapshot=record.hash,
        source_service_id=promotion.source.id,
        source_address=str(promotion.source.address),
        config=promotion.config.value,
    )
    return accept(ports, promotion.target, request, changes=[unexpired(record)])


def _prepared(ports: Ports, promotion: Promotion) -> tuple[Preview, SnapshotRecord]:
    source, target = promotion.source, promotion.target
    if source.id == target.id:
        raise Invalid(
            f"{source.address} cannot be promoted to itself",
            code="promotion_to_itself",
            hint="name another environment as the target",
            extra={"target_env": "is the source"},
        )
    check_open(target)
    source_lane, target_lane = ports.store.get([keys.lane(source.id), keys.lane(target.id)])
    record = _active_snapshot(ports, source_lane)
    if record is None:
        raise Conflict(
            f"{source.address} runs nothing that could be promoted",
            code="nothing_deployed",
            hint=f"deploy it first: ancla deploy {source.address}",
        )
    if record.keep is not Keep.LIVE:
        raise Conflict(
            f"the snapshot that {source.address} ran has just been replaced", code="snapshot_expired", hint="look at the preview again"
        )
    current = _active_snapshot(ports, target_lane)
    return preview(
        _wanted(ports, promotion, _read(ports, record)),
        _read(ports, current) if current else None,
        source_service_id=source.id,
        target_service_id=target.id,
        config=promotion.config,
    ), record


def _active_snapshot(ports: Ports, lane: Lane | None) -> SnapshotRecord | None:
    if lane is None or lane.active is None:
        return None
    record: SnapshotRecord | None = ports.store.get([keys.snapshot(lane.service_id, lane.active.snapshot)])[0]
    return record


def _read(ports: Ports, record: SnapshotRecord) -> Snapshot:
    return parse_document(ports.logs.read(record.document))


def _wanted(ports: Ports, promotion: Promotion, source: Snapshot) -> Snapshot:
    """The snapshot that the run would make if it ran now."""
    if promotion.config is ConfigFrom.SOURCE:
        return source
    resolved = resolve(load_scopes(ports, promotion.target))
    config: dict[str, FrozenVariable] = {
        name: frozen(entry, "" if entry.variable.secret else plain_value(ports, entry.variable)) for name, entry in resolved.items()
    }
    return replace(source, config=config)
