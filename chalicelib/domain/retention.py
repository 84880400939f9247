"""What is kept of a service's past, and what of it goes.

Kept are the snapshots of what runs and ran before, of what open runs have chosen, and of the newest good deploys; the images of
those snapshots, of other services' to which they were promoted, and of the newest builds. Records and logs stay, as history.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from chalicelib.domain.builds import Build, BuildState, KnownImage
from chalicelib.domain.deploys import Deploy, DeployState
from chalicelib.domain.keep import Keep
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Run
from chalicelib.domain.snapshots import SnapshotRecord

ImageName = tuple[str, str]
"""Repository and digest."""


def outgrown(lane: Lane, kept: int) -> bool:
    """Whether the service has more past than is kept, so that some of it may have to go."""
    return lane.deploys > kept or lane.builds > kept


def expired_snapshots(
    records: Iterable[SnapshotRecord], newest_deploys: Iterable[Deploy], lane: Lane, open_runs: Iterable[Run], *, kept: int
) -> list[SnapshotRecord]:
    """The live ones that nobody needs any more. `newest_deploys`: the newest first, so many that `kept` good ones are among them."""
    good = [deploy.snapshot for deploy in newest_deploys if deploy.state is DeployState.COMPLETE]
    needed = set(good[:kept])
    needed |= {running.snapshot for running in (lane.active, lane.previous) if running is not None}
    for run in open_runs:
        needed |= {run.snapshot, run.request.snapshot}
    return [record for record in records if record.keep is Keep.LIVE and record.hash not in needed]


def images_of(records: Iterable[SnapshotRecord]) -> set[ImageName]:
    """The images that live snapshots need."""
    return {(record.repository, record.digest) for record in records if record.keep is Keep.LIVE}


def expired_builds(newest_builds: Iterable[Build], needed: Collection[ImageName], open_runs: Iterable[Run], *, kept: int) -> list[Build]:
    """Builds whose image is to be removed: it is not `needed`, nor that of one of the `kept` newest ones, nor of one that an open run
    has chosen. `newest_builds`: the newest first."""
    with_image = [build for build in newest_builds if has_image(build)]
    chosen = {number for run in open_runs for number in (run.build, run.request.build)}
    stays = {image_name(build) for build in with_image[:kept] if build.keep is Keep.LIVE}
    stays |= {image_name(build) for build in with_image if build.number in chosen}
    return [build for build in with_image[kept:] if image_name(build) not in stays and image_name(build) not in needed]


def has_image(build: Build) -> bool:
    return build.state is BuildState.SUCCEEDED and build.image is not None and build.keep is not Keep.REMOVED


def image_name(build: Build | KnownImage) -> ImageName:
    """What its image is called. The build must have one."""
    if build.image is None:
        raise ValueError(f"build {build.number} has no image")
    return build.image.repository, build.image.digest
