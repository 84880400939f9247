"""What several steps read."""

from __future__ import annotations

from chalicelib.domain import keys
from chalicelib.domain.addresses import Level
from chalicelib.domain.config import Scope, chain
from chalicelib.domain.fences import Anchor, Fence, Phase
from chalicelib.domain.hierarchy import Service, Workspace
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Run
from chalicelib.domain.snapshots import Snapshot, parse_document, snapshot_document
from chalicelib.manifests import names
from chalicelib.ports import Ports
from chalicelib.ports.store import get_one
from chalicelib.ports.vault import Workload


class Gone(Exception):
    """A record that the run cannot do without is not there: the runner tries again until the stage's time is up."""


def load_service(ports: Ports, run: Run) -> Service:
    service = get_one(ports.store, keys.service(run.address))
    if service is None or service.id != run.owner:
        raise Gone(f"service {run.address}")
    return service


def load_lane(ports: Ports, run: Run) -> Lane:
    lane = get_one(ports.store, keys.lane(run.owner))
    if lane is None:
        raise Gone(f"lane of {run.address}")
    return lane


def load_workspace(ports: Ports, run: Run) -> Workspace:
    workspace = get_one(ports.store, keys.workspace(run.address.workspace))
    if workspace is None:
        raise Gone(f"workspace {run.address.workspace}")
    return workspace


def load_snapshot(ports: Ports, service_id: str, snapshot_hash: str) -> Snapshot:
    found = find_snapshot(ports, service_id, snapshot_hash)
    if found is None:
        raise Gone(f"snapshot {snapshot_hash}")
    return found


def find_snapshot(ports: Ports, service_id: str, snapshot_hash: str) -> Snapshot | None:
    document = ports.logs.read(snapshot_document(service_id, snapshot_hash))
    return parse_document(document) if document else None


def load_scopes(ports: Ports, service: Service) -> list[Scope | None]:
    """The scopes that reach the service, weakest first, in one round trip."""
    workspace = service.address.at(Level.WORKSPACE).workspace
    return ports.store.get([keys.scope(workspace, owner) for owner in chain(service.address, service.team)])


def fence_of(run: Run, phase: Phase = Phase.ROLL_OUT) -> Fence:
    return Fence(run.owner, run.turn, phase)


def anchor_of(run: Run) -> Anchor:
    """The anchor that the run recorded for its roll-out."""
    return Anchor(run.facts["namespace"], run.facts["anchor"], run.facts["anchor_uid"])


def revert_anchor_of(run: Run) -> Anchor:
    return Anchor(run.facts["namespace"], run.facts["revert_anchor"], run.facts["revert_anchor_uid"])


def workload_of(run: Run) -> Workload:
    """The service account that the run's pods log in with."""
    return Workload(
        service_id=run.owner,
        namespace=names.namespace_of(run.address.workspace),
        account=names.account_of(run.address),
    )
