"""Work after an outcome is settled: each kind is one small function that says when to look again, or that it is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address
from chalicelib.domain.chores import Chore, ChoreKind
from chalicelib.domain.deploys import Running
from chalicelib.domain.fences import Anchor, Fence, Phase
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Outcome, Run
from chalicelib.manifests import names
from chalicelib.pipeline.intents import take_held as accept_held
from chalicelib.pipeline.lane import PULL_GRANT_HALF_LIFE
from chalicelib.pipeline.loads import load_snapshot
from chalicelib.pipeline.looks import GRACE, chore_key, look_at_chore, send
from chalicelib.pipeline.wanted import identity, put_into_catalog, service_set
from chalicelib.ports import Ports
from chalicelib.ports.notifier import Notice
from chalicelib.ports.queue import MAX_DELAY
from chalicelib.ports.store import Conflict, Put, get_one

log = logging.getLogger(__name__)

LATE_PASS = 120.0
"""Seconds after which tidying looks once more: longer than any function lives, so whatever came late is there by then."""
MAX_BACKOFF = 600.0
RECONCILE_EVERY = 30.0

Again = float | None
"""Seconds until the next look; None: the chore is done."""


def look(ports: Ports, body: Mapping[str, Any]) -> None:
    """Does what a message of a chore asks for."""
    chore = get_one(ports.store, chore_key(str(body["chore"])))
    if chore is None or chore.done or chore.version != int(body["version"]):
        return
    try:
        again = CHORES[chore.kind](ports, chore)
        chore = replace(chore, attempts=0)
    except Exception as error:  # noqa: BLE001  (the boundary: a chore is tried again, whatever was wrong)
        log.warning("chore %s failed, attempt %d", chore.ref, chore.attempts + 1, exc_info=error)
        chore = replace(chore, attempts=chore.attempts + 1)
        again = min(MAX_BACKOFF, 2.0**chore.attempts)
    _looked(ports, chore, again)


def _looked(ports: Ports, chore: Chore, again: Again) -> None:
    now = ports.clock.now()
    if again is None:
        after = replace(chore, done=True)
    else:
        after = replace(chore, look_at=now + timedelta(seconds=again + GRACE), facts={**chore.facts, "looked": "1"})
    try:
        ports.store.commit([Put(after)])
    except Conflict:
        return
    if again is not None and again <= MAX_DELAY:
        send(ports.queue, look_at_chore(after, ahead=1, delay=again))


def tidy(ports: Ports, chore: Chore) -> Again:
    """Deletes anchors that are older than what runs, and so all that only they still own. A later turn that made an anchor of its
    own tidies itself."""
    lane = _lane(ports, chore)
    if lane is None:
        return None
    again = None if chore.facts.get("looked") else LATE_PASS
    address = Address.parse(chore.facts["address"])
    anchors = ports.cluster.list_anchors(names.namespace_of(address.workspace), chore.service_id)
    newest = _newest(anchors)
    if newest is None:
        return again
    if anchors[newest].turn > chore.turn:
        return None
    if lane.active is None or lane.closed:
        old = list(anchors)
    elif _owns_all(ports, lane.active, chore, newest):
        old = [anchor for anchor in anchors if anchor != newest]
    else:
        return 5.0
    for anchor in old:
        ports.cluster.delete_anchor(anchor)
    return again


def renew(ports: Ports, chore: Chore) -> Again:
    """New pull credentials, at half the life of the old ones; a later turn brings its own."""
    lane = _lane(ports, chore)
    if lane is None or lane.turn > chore.turn or lane.active is None or lane.closed:
        return None
    address = Address.parse(chore.facts["address"])
    anchor = _newest(ports.cluster.list_anchors(names.namespace_of(address.workspace), chore.service_id))
    if anchor is not None:
        made = load_snapshot(ports, chore.service_id, lane.active.snapshot)
        ports.cluster.apply(identity(ports, address, chore.service_id, made), owner=anchor, fence=_late_fence(chore))
    return PULL_GRANT_HALF_LIFE.total_seconds()


def reconcile(ports: Ports, chore: Chore) -> Again:
    """Goes on bringing cluster and catalog to the lane's active deploy, where a revert could not be done in its time."""
    lane = _lane(ports, chore)
    if lane is None or lane.turn > chore.turn or lane.closed:
        return None
    address, fence = Address.parse(chore.facts["address"]), _late_fence(chore)
    if lane.active is None:
        ports.catalog.deregister(chore.service_id, fence)
        return None  # what is in the cluster goes with its anchors
    namespace = names.namespace_of(address.workspace)
    anchor = _newest(ports.cluster.list_anchors(namespace, chore.service_id))
    if anchor is None:
        return RECONCILE_EVERY
    made = load_snapshot(ports, chore.service_id, lane.active.snapshot)
    wanted = [*identity(ports, address, chore.service_id, made), *service_set(ports, address, chore.service_id, made, lane.active.counts)]
    ports.cluster.apply(wanted, owner=anchor, fence=fence)
    put_into_catalog(ports, address, chore.service_id, made, fence)
    deployments = [names.resource_name(address, process) for process in lane.active.counts]
    statuses = ports.cluster.watch(namespace, deployments, seconds=1.0)
    return None if all(status.settled for status in statuses) else RECONCILE_EVERY


def announce(ports: Ports, chore: Chore) -> Again:
    run: Run | None = get_one(ports.store, keys.run(chore.service_id, chore.number))
    if run is not None and run.outcome is not None:
        text = run.outcome_detail if run.failure is None else run.failure.message
        state = "success" if run.outcome is Outcome.SUCCEEDED else "failure"
        commit = run.facts.get("commit", "")
        ports.notifier.announce(Notice(key=chore.ref, address=str(run.address), commit=commit, state=state, text=text))
    return None


def cancel_build(ports: Ports, chore: Chore) -> Again:
    ports.builder.cancel(chore.facts["build_id"])
    return None


def take_held(ports: Ports, chore: Chore) -> Again:
    service = get_one(ports.store, keys.service(Address.parse(chore.facts["address"])))
    if service is not None and service.id == chore.service_id and not service.closing:
        accept_held(ports, service)
    return None


CHORES: dict[ChoreKind, Callable[[Ports, Chore], Again]] = {
    ChoreKind.TIDY: tidy,
    ChoreKind.RENEW: renew,
    ChoreKind.RECONCILE: reconcile,
    ChoreKind.ANNOUNCE: announce,
    ChoreKind.CANCEL_BUILD: cancel_build,
    ChoreKind.TAKE_HELD: take_held,
}


def _lane(ports: Ports, chore: Chore) -> Lane | None:
    return get_one(ports.store, keys.lane(chore.service_id))


def _newest(anchors: Mapping[Anchor, Fence]) -> Anchor | None:
    return max(anchors, key=lambda anchor: (anchors[anchor].turn, anchors[anchor].phase), default=None)


def _owns_all(ports: Ports, active: Running, chore: Chore, anchor: Anchor) -> bool:
    """Whether every object that the active deploy wants is there and owned by `anchor`."""
    address, made = Address.parse(chore.facts["address"]), load_snapshot(ports, chore.service_id, active.snapshot)
    objects = ports.cluster.list_objects(anchor.namespace, chore.service_id)
    owners = {(ref.kind, ref.name): owner for ref, owner in objects.items()}
    wanted = service_set(ports, address, chore.service_id, made, active.counts)
    return all(owners.get((manifest["kind"], manifest["metadata"]["name"])) == anchor.uid for manifest in wanted)


def _late_fence(chore: Chore) -> Fence:
    """A chore writes as the last word of its turn; any later turn beats it."""
    return Fence(chore.service_id, chore.turn, Phase.REVERT)
