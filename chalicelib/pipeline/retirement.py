"""Retiring: what a service has outgrown of its past is marked as expiring, then removed. The rules are in `domain/retention.py`.

The mark is the claim. Whoever chooses a snapshot or an image checks its record in the commit that chooses, so from the mark on
nobody can; and what is removed outside is named by version or build number, so who comes late with it removes nothing newer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address, Level
from chalicelib.domain.builds import Build, KnownImage
from chalicelib.domain.deploys import Deploy, DeployState
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.keep import Keep
from chalicelib.domain.lanes import Lane
from chalicelib.domain.retention import ImageName, expired_builds, expired_snapshots, has_image, image_name, images_of
from chalicelib.domain.runs import Run
from chalicelib.domain.snapshots import SnapshotRecord
from chalicelib.manifests import names
from chalicelib.manifests.vault import snapshot_path
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Check, Delete, Put, all_of

BATCH = 40
"""Records that one commit marks at the most, with what belongs to each: well below a transaction's limit."""
PAGE = 100


def retire_snapshots(ports: Ports, lane: Lane, address: Address) -> int:
    """Removes snapshots that nobody needs any more, with their secrets, and returns how many."""
    marked = _marked_snapshots(ports, lane)
    orphaned = _orphaned_images(ports, address, marked)
    for record in marked:
        if record.secrets:
            ports.vault.destroy(snapshot_path(record.service_id, record.hash), record.secrets)
        if (record.repository, record.digest) in orphaned:
            ports.registry.remove_image(record.repository, record.digest, build=record.build)
        ports.store.commit([Delete(record)])
    return len(marked)


def retire_images(ports: Ports, lane: Lane, address: Address) -> int:
    """Removes images that no live snapshot and no newest build needs any more, and returns how many builds lost theirs. Snapshots are
    retired before: none that is marked can be promoted, so the project's live ones that are read here name every image in need."""
    marked = _marked_builds(ports, lane, address)
    for build in marked:
        repository, digest = image_name(build)
        ports.registry.remove_image(repository, digest, build=build.number)
        ports.store.commit([Put(replace(build, keep=Keep.REMOVED))])
    return len(marked)


def needed_images(ports: Ports, services: Sequence[Service]) -> set[ImageName]:
    """The images that these services' live snapshots need."""
    return {image for service in services for image in images_of(all_of(ports.store, *keys.snapshots(service.id)))}


def services_of_project(ports: Ports, address: Address) -> list[Service]:
    return all_of(ports.store, *keys.services(address.at(Level.PROJECT)))


def _marked_snapshots(ports: Ports, lane: Lane) -> list[SnapshotRecord]:
    """All that are marked: by an earlier look that did not come to its end, or now."""
    records: list[SnapshotRecord] = all_of(ports.store, *keys.snapshots(lane.service_id))
    kept = ports.settings.kept_deploys
    expired = expired_snapshots(records, _newest_deploys(ports, lane.service_id, kept), lane, open_runs(ports, lane), kept=kept)[:BATCH]
    marked = [replace(record, keep=Keep.EXPIRING) for record in expired]
    if marked:
        # A rollback that is accepted meanwhile moves the lane.
        ports.store.commit([*(Put(record) for record in marked), Check(keys.lane(lane.service_id), lane.version)])
    earlier = [record for record in records if record.keep is Keep.EXPIRING]
    return [*earlier, *(replace(record, version=record.version + 1) for record in marked)]


def _marked_builds(ports: Ports, lane: Lane, address: Address) -> list[Build]:
    known: list[KnownImage] = all_of(ports.store, *keys.known_images(lane.service_id))  # before the builds: who reuses one moves it
    needed = needed_images(ports, services_of_project(ports, address))
    builds, kept = _newest_builds(ports, lane.service_id), ports.settings.kept_deploys
    expired = expired_builds(builds, needed, open_runs(ports, lane), kept=kept)[:BATCH]
    to_mark = [build for build in expired if build.keep is Keep.LIVE]
    if to_mark:
        ports.store.commit(_marks(lane, to_mark, known))
    return [replace(build, keep=Keep.EXPIRING, version=build.version + (build in to_mark)) for build in expired]


def _marks(lane: Lane, builds: Sequence[Build], known: Sequence[KnownImage]) -> list[Change]:
    """The commit that claims the builds' images: none of them is reused from now on, and no snapshot of this service came to need one
    since the lane was read."""
    images = {image_name(build) for build in builds}
    return [
        *(Put(replace(build, keep=Keep.EXPIRING)) for build in builds),
        *(Delete(image) for image in known if image_name(image) in images),
        Check(keys.lane(lane.service_id), lane.version),
    ]


def _orphaned_images(ports: Ports, address: Address, marked: Sequence[SnapshotRecord]) -> set[ImageName]:
    """Of the marked snapshots' images, those that were promoted from a service that is gone and that nobody needs any more."""
    services = services_of_project(ports, address)
    owned = {names.repository_of(service.address, service.id) for service in services}
    images = {(record.repository, record.digest) for record in marked if record.repository not in owned}
    return images - needed_images(ports, services) if images else set()


def _newest_deploys(ports: Ports, service_id: str, good: int) -> Iterator[Deploy]:
    """The newest first, until `good` of them were good."""
    for deploy in _newest_first(ports, keys.deploys(service_id)):
        yield deploy
        good -= deploy.state is DeployState.COMPLETE
        if not good:
            return


def _newest_builds(ports: Ports, service_id: str) -> Iterator[Build]:
    """The newest first, as far back as there are images: each retirement leaves none far back, so the past is not read through."""
    without = 0
    for build in _newest_first(ports, keys.builds(service_id)):
        yield build
        without = 0 if has_image(build) else without + 1
        if without == PAGE:
            return


def _newest_first(ports: Ports, span: keys.Span) -> Iterator[Any]:
    after: str | None = None
    while True:
        page = ports.store.query(*span, newest_first=True, limit=PAGE, after=after)
        yield from page.items
        if page.next is None:
            return
        after = page.next


def open_runs(ports: Ports, lane: Lane) -> list[Run]:
    """The runs that hold the lane or wait for it."""
    numbers = [number for number in (lane.running, *lane.waiting.values()) if number]
    if not numbers:
        return []
    return [run for run in ports.store.get([keys.run(lane.service_id, number) for number in numbers]) if run is not None]
