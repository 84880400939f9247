"""What is kept of a service's past, by the rules alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.builds import Build, BuildState, Image
from chalicelib.domain.deploys import Deploy, DeployState, Running
from chalicelib.domain.keep import Keep
from chalicelib.domain.lanes import Lane
from chalicelib.domain.retention import expired_builds, expired_snapshots, images_of, outgrown
from chalicelib.domain.runs import Request, RunKind
from chalicelib.domain.snapshots import SnapshotRecord
from tests.domain.records import NOW, SERVICE_ID, a_run

LANE = Lane(service_id=SERVICE_ID)


def record(number: int, keep: Keep = Keep.LIVE) -> SnapshotRecord:
    return SnapshotRecord(
        service_id=SERVICE_ID, hash=f"s{number}", build=number, repository="r", digest=f"d{number}", keep=keep, created=NOW
    )


def deploy(number: int, state: DeployState = DeployState.COMPLETE, *, snapshot: int = 0) -> Deploy:
    made = f"s{snapshot or number}"
    return Deploy(
        service_id=SERVICE_ID,
        number=number,
        id=f"id{number}",
        run=number,
        snapshot=made,
        build=number,
        commit="c",
        state=state,
        created=NOW,
        updated=NOW,
    )


def build(number: int, keep: Keep = Keep.LIVE, *, digest: int = 0, state: BuildState = BuildState.SUCCEEDED) -> Build:
    image = Image(repository="r", digest=f"d{digest or number}") if state is BuildState.SUCCEEDED else None
    return Build(service_id=SERVICE_ID, number=number, id=f"b{number}", state=state, image=image, keep=keep, created=NOW, updated=NOW)


def running(number: int) -> Running:
    return Running(deploy=number, deploy_id=f"id{number}", snapshot=f"s{number}", build=number, run=number)


def expired(*records: SnapshotRecord, deploys: list[Deploy], lane: Lane = LANE, requests: tuple[Request, ...] = ()) -> list[str]:
    runs = [replace(a_run(), request=request) for request in requests]
    return [record.hash for record in expired_snapshots(records, deploys, lane, runs, kept=2)]


def test_the_newest_good_deploys_keep_their_snapshots() -> None:
    deploys = [deploy(4), deploy(3, DeployState.FAILED), deploy(2), deploy(1)]
    assert expired(*map(record, (1, 2, 3, 4)), deploys=deploys) == ["s1", "s3"]


def test_what_runs_and_what_ran_before_is_kept_however_old() -> None:
    lane = replace(LANE, active=running(1), previous=running(2))
    assert expired(*map(record, (1, 2, 3, 4, 5)), deploys=[deploy(5), deploy(4)], lane=lane) == ["s3"]


def test_what_an_open_run_has_chosen_is_kept() -> None:
    rollback = Request(kind=RunKind.ROLLBACK, by="ada", snapshot="s1")
    assert expired(*map(record, (1, 2, 3, 4)), deploys=[deploy(4), deploy(3)], requests=(rollback,)) == ["s2"]


def test_what_is_marked_already_is_not_marked_again() -> None:
    assert expired(record(1, Keep.EXPIRING), record(2), record(3), deploys=[deploy(3), deploy(2)]) == []


def test_only_live_snapshots_need_their_images() -> None:
    assert images_of([record(1), record(2, Keep.EXPIRING)]) == {("r", "d1")}


def test_the_newest_builds_keep_their_images() -> None:
    failed = build(4, state=BuildState.FAILED)
    assert [gone.number for gone in expired_builds([build(5), failed, build(3), build(2), build(1)], set(), [], kept=2)] == [2, 1]


def test_an_image_that_a_snapshot_or_a_newest_build_needs_is_kept() -> None:
    builds = [build(5, digest=2), build(4), build(3), build(2), build(1)]
    assert [gone.number for gone in expired_builds(builds, {("r", "d1")}, [], kept=2)] == [3]


def test_a_build_that_an_open_run_has_chosen_keeps_its_image() -> None:
    wish = replace(a_run(), request=Request(kind=RunKind.DEPLOY, by="ada", build=1))
    assert [gone.number for gone in expired_builds([build(4), build(3), build(2), build(1)], set(), [wish], kept=2)] == [2]


def test_a_removal_that_was_cut_short_is_found_again_and_a_finished_one_is_not() -> None:
    builds = [build(4), build(3), build(2, Keep.EXPIRING), build(1, Keep.REMOVED)]
    assert [gone.number for gone in expired_builds(builds, set(), [], kept=2)] == [2]


@pytest.mark.parametrize(("builds", "deploys", "over"), [(0, 3, True), (3, 0, True), (2, 2, False)])
def test_a_service_has_outgrown_what_is_kept_once_it_has_more(builds: int, deploys: int, over: bool) -> None:
    assert outgrown(replace(LANE, builds=builds, deploys=deploys), 2) is over
