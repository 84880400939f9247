"""Work after an outcome is settled: each kind is one small function that says when to look again, or that it is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address
from chalicelib.domain.chores import Chore, ChoreKind
from chalicelib.domain.deploys import Running
from chalicelib.domain.fences import Fence, Phase
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Outcome, Run
from chalicelib.manifests import names
from chalicelib.manifests.kubernetes import render_anchor
from chalicelib.pipeline.backoff import LONGEST, backoff, patience
from chalicelib.pipeline.intents import take_held as accept_held
from chalicelib.pipeline.lane import PULL_GRANT_HALF_LIFE
from chalicelib.pipeline.loads import load_snapshot
from chalicelib.pipeline.looks import GRACE, chore_key, look_at_chore, send
from chalicelib.pipeline.retirement import retire_images, retire_snapshots
from chalicelib.pipeline.steps.teardown import delete_anchors, purge_outside
from chalicelib.pipeline.wanted import identity, put_into_catalog, service_set
from chalicelib.ports import Ports
from chalicelib.ports.notifier import Notice
from chalicelib.ports.queue import MAX_DELAY
from chalicelib.ports.store import Delete, Put, StoreConflict, get_one

log = logging.getLogger(__name__)

LATE_PASS = 120.0
"""Seconds after which tidying looks once more: longer than any function lives, so whatever came late is there by then."""

BUSY = 30.0
"""Seconds until the next look at a lane that is held by a run just now."""

MORE = 1.0
"""Seconds until the next look where one look does not do it all."""

Again = float | None
"""Seconds until the next look; None: the chore is done."""


def look(ports: Ports, body: Mapping[str, Any]) -> None:
    """Does what a message of a chore asks for."""
    chore = get_one(ports.store, chore_key(str(body["chore"])))
    if chore is None or chore.version != int(body["version"]):
        return
    try:
        again = CHORES[chore.kind](ports, chore)
        chore = replace(chore, attempts=0)
    except Exception as error:  # noqa: BLE001  (the boundary: a chore is tried again, whatever was wrong)
        log.warning("chore %s failed, attempt %d", chore.ref, chore.attempts + 1, exc_info=error)
        chore = replace(chore, attempts=chore.attempts + 1)
        again = backoff(2.0, chore.attempts)
    _looked(ports, chore, again)


def _looked(ports: Ports, chore: Chore, again: Again) -> None:
    """Commits when it is looked at next, and sends the look; one that is done is deleted."""
    after = replace(chore, look_at=ports.clock.now() + timedelta(seconds=(again or 0) + GRACE))
    try:
        ports.store.commit([Delete(chore) if again is None else Put(after)])
    except StoreConflict:
        return
    if again is not None and again <= MAX_DELAY:
        send(ports.queue, look_at_chore(after, ahead=1, delay=again))


def tidy(ports: Ports, chore: Chore) -> Again:
    """Deletes the anchors beside the one that owns what runs, and so all that only they still own; pods that have ended; and what the
    catalog holds of another turn. A later turn that came as far as an anchor tidies for itself, and so does a teardown."""
    lane = _lane(ports, chore)
    if lane is None:
        return None
    address, late = Address.parse(chore.facts["address"]), LATE_PASS - _waited(ports, chore)
    if lane.closed:
        if lane.running:
            return None
        delete_anchors(ports, address, chore.service_id)
        ports.catalog.deregister(chore.service_id, _last_word(lane), for_good=True)
        purge_outside(ports, address, chore.service_id)
        return late if late > 0 else None
    anchors = ports.cluster.list_anchors(names.namespace_of(address.workspace), chore.service_id)
    if any(fence.turn > chore.turn for fence in anchors.values()):
        return None
    owner = _owner(ports, lane.active, chore, address) if lane.active is not None else ""
    if owner is None or (owner and owner not in {anchor.uid for anchor in anchors}):  # it is being put back, or somebody is at it
        return patience(5.0, _waited(ports, chore))
    for anchor in anchors:
        if anchor.uid != owner:
            ports.cluster.delete_anchor(anchor)
    ports.cluster.delete_ended_pods(names.namespace_of(address.workspace), chore.service_id, turn=chore.turn)
    if not lane.running:
        _match_catalog(ports, lane, address)
    return late if late > 0 else None


def renew(ports: Ports, chore: Chore) -> Again:
    """New pull credentials, at half the life of the old ones, for as long as the deploy of this run is the active one."""
    lane = _lane(ports, chore)
    if lane is None or lane.closed or lane.active is None or lane.active.run != chore.number:
        return None
    if lane.running:
        return BUSY  # it may be about to bring its own
    address = Address.parse(chore.facts["address"])
    owner = _owner(ports, lane.active, chore, address)
    anchors = ports.cluster.list_anchors(names.namespace_of(address.workspace), chore.service_id)
    anchor = next((anchor for anchor in anchors if anchor.uid == owner), None)
    if anchor is None:
        return LONGEST  # it is being put back, credentials included
    made = load_snapshot(ports, chore.service_id, lane.active.snapshot)
    ports.cluster.apply(identity(ports, address, chore.service_id, made), owner=anchor, fence=_last_word(lane))
    return PULL_GRANT_HALF_LIFE.total_seconds()


def reconcile(ports: Ports, chore: Chore) -> Again:
    """Goes on bringing cluster and catalog to the lane's active deploy, where a revert could not be done in its time. It keeps still
    while a run holds the lane; whatever came of that run, what is active is seen to once more."""
    lane = _lane(ports, chore)
    if lane is None or lane.closed:
        return None
    if lane.running:
        return BUSY
    address, fence = Address.parse(chore.facts["address"]), _last_word(lane)
    if lane.active is None:
        _match_catalog(ports, lane, address)
        return None  # what is in the cluster goes with its anchors
    made = load_snapshot(ports, chore.service_id, lane.active.snapshot)
    anchor = ports.cluster.ensure_anchor(render_anchor(address, chore.service_id, fence.turn, fence.phase), fence)
    wanted = [*identity(ports, address, chore.service_id, made), *service_set(ports, address, chore.service_id, made, lane.active.counts)]
    ports.cluster.apply(wanted, owner=anchor, fence=fence)
    _match_catalog(ports, lane, address)
    deployments = [names.resource_name(address, process) for process in lane.active.counts]
    statuses = ports.cluster.watch(anchor.namespace, deployments, seconds=1.0)
    if len(statuses) < len(deployments) or not all(status.settled for status in statuses):
        return patience(30.0, _waited(ports, chore))
    for older, written in ports.cluster.list_anchors(anchor.namespace, chore.service_id).items():
        if written.beaten_by(fence):
            ports.cluster.delete_anchor(older)
    return None


def announce(ports: Ports, chore: Chore) -> Again:
    run: Run | None = get_one(ports.store, keys.run(chore.service_id, chore.number))
    if run is not None and run.outcome is not None:
        text = run.outcome_detail if run.failure is None else run.failure.message
        state = "success" if run.outcome is Outcome.SUCCEEDED else "failure"
        commit = run.facts.get("commit", "")
        ports.notifier.announce(Notice(key=chore.ref, address=str(run.address), commit=commit, state=state, text=text))
    return None


def end_build(ports: Ports, chore: Chore) -> Again:
    """Ends the run's build, if it still goes on, and has the builder forget the secrets that it gave to it."""
    run: Run | None = get_one(ports.store, keys.run(chore.service_id, chore.number))
    if run is not None:
        ports.builder.cancel(run.build_id)
    return None


def take_held(ports: Ports, chore: Chore) -> Again:
    service = get_one(ports.store, keys.service(Address.parse(chore.facts["address"])))
    if service is not None and service.id == chore.service_id and not service.closing:
        accept_held(ports, service)
    return None


def retire(ports: Ports, chore: Chore) -> Again:
    """Removes what the service has outgrown of its past. A teardown takes all of it, so a closed lane is left to that."""
    lane = _lane(ports, chore)
    if lane is None or lane.closed:
        return None
    address = Address.parse(chore.facts["address"])
    try:
        removed = retire_snapshots(ports, lane, address) + retire_images(ports, lane, address)
    except StoreConflict:  # something was chosen or changed meanwhile
        return BUSY
    return MORE if removed else None


CHORES: dict[ChoreKind, Callable[[Ports, Chore], Again]] = {
    ChoreKind.TIDY: tidy,
    ChoreKind.RENEW: renew,
    ChoreKind.RECONCILE: reconcile,
    ChoreKind.ANNOUNCE: announce,
    ChoreKind.END_BUILD: end_build,
    ChoreKind.TAKE_HELD: take_held,
    ChoreKind.RETIRE: retire,
}


def _lane(ports: Ports, chore: Chore) -> Lane | None:
    return get_one(ports.store, keys.lane(chore.service_id))


def _owner(ports: Ports, active: Running, chore: Chore, address: Address) -> str | None:
    """The UID of the anchor that owns every object which the active deploy wants; None where there is no such one."""
    made = load_snapshot(ports, chore.service_id, active.snapshot)
    objects = ports.cluster.list_objects(names.namespace_of(address.workspace), chore.service_id)
    owners = {(ref.kind, ref.name): owner for ref, owner in objects.items()}
    wanted = service_set(ports, address, chore.service_id, made, active.counts)
    found = {owners.get((manifest["kind"], manifest["metadata"]["name"])) for manifest in wanted}
    return found.pop() if len(found) == 1 else None


def _match_catalog(ports: Ports, lane: Lane, address: Address) -> None:
    """Has the catalog hold what the lane says that runs, and nothing else."""
    if lane.active is None:
        ports.catalog.deregister(lane.service_id, _last_word(lane))
    else:
        made = load_snapshot(ports, lane.service_id, lane.active.snapshot)
        put_into_catalog(ports, address, lane.service_id, made, _last_word(lane))


def _last_word(lane: Lane) -> Fence:
    """Nobody holds the lane: what is written now is the last word of its latest turn. The next turn beats it."""
    return Fence(lane.service_id, lane.turn, Phase.REVERT)


def _waited(ports: Ports, chore: Chore) -> float:
    """Seconds since the chore was made."""
    return (ports.clock.now() - datetime.fromisoformat(chore.facts["since"])).total_seconds()
