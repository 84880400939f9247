"""What a service has outgrown of its past goes; what can be chosen stays whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address
from chalicelib.domain.builds import Build
from chalicelib.domain.chores import ChoreKind
from chalicelib.domain.errors import Conflict
from chalicelib.domain.keep import Keep
from chalicelib.domain.runs import Outcome, Run, RunKind
from chalicelib.domain.snapshots import SnapshotRecord
from chalicelib.manifests.vault import snapshot_path
from chalicelib.pipeline.outcome import Go
from chalicelib.pipeline.retirement import retire_images, retire_snapshots
from chalicelib.pipeline.slices import Slice
from chalicelib.pipeline.steps.snapshot import snapshot
from chalicelib.ports.store import Check, Put, StoreConflict, all_of
from chalicelib.usecases import deploys
from chalicelib.usecases.deploys import DeployWish
from tests.simulation.settled import assert_retired
from tests.simulation.world import API, FILES, World
from tests.usecases.racing import with_rival

KEPT = 2
PRODUCTION = Address("acme", "shop", "production", "api")


@pytest.fixture
def world() -> World:
    return World(kept=KEPT)


def deploy_versions(world: World, *versions: str) -> None:
    for version in versions:
        world.deploy({**FILES, "VERSION": version})
    world.advance(60)


def snapshots_of(world: World, service_id: str = "") -> list[SnapshotRecord]:
    return all_of(world.store, *keys.snapshots(service_id or world.service.id))


def builds_of(world: World) -> dict[int, Keep]:
    builds: list[Build] = all_of(world.store, *keys.builds(world.service.id))
    return {build.number: build.keep for build in builds}


def digests_of(world: World) -> int:
    return sum(len(pushed) for pushed in world.engines.registry.images.values())


def promote(world: World) -> Run:
    lane = world.lane()
    assert lane.active is not None
    source = {"source_service_id": world.service.id, "source_address": str(API), "snapshot": lane.active.snapshot}
    return world.ended(world.accept(RunKind.PROMOTION, at=PRODUCTION, **source))


def test_the_newest_good_deploys_are_kept_and_older_images_go(world: World) -> None:
    deploy_versions(world, "1", "2", "3", "4")
    assert len(snapshots_of(world)) == KEPT
    assert builds_of(world) == {1: Keep.REMOVED, 2: Keep.REMOVED, 3: Keep.LIVE, 4: Keep.LIVE}
    assert digests_of(world) == KEPT
    assert_retired(world, world.service.id)


def test_as_long_as_nothing_is_outgrown_nobody_looks(world: World) -> None:
    deploy_versions(world, "1", "2")
    assert len(snapshots_of(world)) == 2
    assert all_of(world.store, f"OF#{world.service.id}", f"CHORE#{ChoreKind.RETIRE.value}") == []


def test_failed_deploys_do_not_push_out_what_can_be_gone_back_to(world: World) -> None:
    deploy_versions(world, "1", "2")
    for _ in range(4):
        world.deploy_unhealthy()
    deploy_versions(world, "3")
    assert world.roll_back_to(2).outcome is Outcome.SUCCEEDED


def test_the_deploy_before_the_active_one_stays_however_old_it_is(world: World) -> None:
    deploy_versions(world, "1", "2", "3")
    world.roll_back_to(2)
    world.unpin()
    world.advance(600)
    hashes = {record.hash for record in snapshots_of(world)}
    lane = world.lane()
    assert lane.active is not None and lane.previous is not None
    assert {lane.active.snapshot, lane.previous.snapshot} <= hashes
    assert_retired(world, world.service.id)


def test_frozen_secrets_go_with_their_snapshot_and_only_those(world: World) -> None:
    paths = []
    for number in range(4):
        world.set_secret("TOKEN", f"value {number}")
        world.deploy({**FILES, "VERSION": str(number)})
        lane = world.lane()
        assert lane.active is not None
        paths.append(snapshot_path(world.service.id, lane.active.snapshot))
    world.advance(60)
    there = [world.engines.vault.read(path) is not None for path in paths]
    assert there == [False, False, True, True]


def test_a_rollback_to_what_has_gone_is_refused_with_the_commit_to_deploy(world: World) -> None:
    deploy_versions(world, "1", "2", "3", "4")
    with pytest.raises(Conflict, match="snapshot of deploy 1 has been removed") as caught:
        deploys.rollback(world.ports, world.read_service(), 1, "ada")
    assert caught.value.code == "snapshot_expired"


def test_a_build_whose_image_has_gone_is_refused_with_the_commit_to_build(world: World) -> None:
    deploy_versions(world, "1", "2", "3", "4")
    with pytest.raises(Conflict, match="image of build v1 .* has been removed") as caught:
        deploys.deploy(world.ports, world.read_service(), DeployWish(build=1), "ada")
    assert caught.value.code == "image_expired"


def test_the_same_commit_and_config_can_be_deployed_again_after_they_have_gone(world: World) -> None:
    world.set_secret("TOKEN", "the same")
    commit = world.push({**FILES, "VERSION": "1"})
    world.ended(world.accept(ref=commit))
    deploy_versions(world, "2", "3", "4")
    again = world.ended(world.accept(ref=commit))
    assert again.outcome is Outcome.SUCCEEDED
    world.advance(600)
    assert_retired(world, world.service.id)
    assert world.engines.vault.read(snapshot_path(world.service.id, again.snapshot)) is not None


def test_a_promoted_image_stays_while_the_target_can_go_back_to_it(world: World) -> None:
    world.make_service(PRODUCTION)
    deploy_versions(world, "1")
    promote(world)
    deploy_versions(world, "2", "3", "4")
    production = world.read_service(PRODUCTION).id
    assert builds_of(world)[1] is Keep.LIVE
    assert builds_of(world)[2] is Keep.REMOVED
    for number in range(KEPT):
        promote(world)
        deploy_versions(world, f"after {number}")
    world.advance(600)
    assert builds_of(world)[1] is Keep.REMOVED
    assert_retired(world, production)


def test_the_image_of_a_source_that_is_gone_goes_with_the_last_snapshot_that_was_promoted(world: World) -> None:
    target = world.make_service(PRODUCTION)
    deploy_versions(world, "1")
    promote(world)
    world.ended(world.accept(RunKind.TEARDOWN))
    assert digests_of(world) == 1
    for number in range(KEPT + 1):
        world.deploy({**FILES, "VERSION": f"own {number}"}, at=PRODUCTION)
    world.advance(60)
    assert len(snapshots_of(world, target.id)) == KEPT
    assert digests_of(world) == KEPT


def test_a_promotion_of_a_snapshot_that_has_gone_meanwhile_fails_at_once_and_says_so(world: World) -> None:
    world.make_service(PRODUCTION)
    deploy_versions(world, "1")
    (record,) = snapshots_of(world)
    world.store.commit([Put(replace(record, keep=Keep.EXPIRING))])
    run = promote(world)
    assert run.outcome is Outcome.FAILED and run.failure is not None
    assert run.failure.code == "snapshot_expired"


def test_what_was_marked_before_a_death_is_removed_by_the_next_look(world: World) -> None:
    world.engines.vault.answers_lost = 1000
    world.set_secret("TOKEN", "frozen")
    deploy_versions(world, "1", "2", "3")
    assert [record.keep for record in snapshots_of(world)].count(Keep.EXPIRING) == 1
    world.engines.vault.answers_lost = 0
    world.advance(900)
    assert len(snapshots_of(world)) == KEPT
    assert_retired(world, world.service.id)


def test_a_build_that_takes_an_image_at_the_moment_it_is_retired_keeps_it() -> None:
    world = World()
    commit = world.push({**FILES, "VERSION": "1"})
    world.ended(world.accept(RunKind.BUILD_ONLY))
    for version in ("2", "3"):
        world.push({**FILES, "VERSION": version})
        world.ended(world.accept(RunKind.BUILD_ONLY))
    few = replace(world.ports, settings=replace(world.ports.settings, kept_deploys=KEPT))
    world.set_secret("TOKEN", "of the vault that is away")
    world.engines.vault.sealed = True  # so that the run has taken the image, and goes no further
    again = world.accept(ref=commit)
    with pytest.raises(StoreConflict):
        retire_images(with_rival(few, lambda: world.advance(2)), world.lane(), API)
    world.engines.vault.sealed = False
    assert world.ended(again).outcome is Outcome.SUCCEEDED
    retire_images(few, world.lane(), API)
    assert builds_of(world) == {1: Keep.LIVE, 2: Keep.REMOVED, 3: Keep.LIVE, 4: Keep.LIVE}
    assert_retired(world, world.service.id)


def test_a_rollback_that_is_accepted_at_the_moment_its_snapshot_is_retired_is_heard() -> None:
    world = World()
    deploy_versions(world, "1", "2", "3")
    few = replace(world.ports, settings=replace(world.ports.settings, kept_deploys=KEPT))
    lane = world.lane()
    with pytest.raises(StoreConflict):
        retire_snapshots(with_rival(few, lambda: deploys.rollback(few, world.read_service(), 1, "ada")), lane, API)
    world.settle()
    assert world.lane().active is not None and world.run(world.lane().intent).outcome is Outcome.SUCCEEDED


def test_a_snapshot_that_was_retired_is_made_anew_when_it_is_wanted_again(world: World) -> None:
    world.set_secret("TOKEN", "the same")
    hashes: list[str] = []
    world.push()
    for value in ("1", "2", "3", "4", "1"):
        world.set_variable("LEVEL", value)
        run = world.ended(world.accept(RunKind.CONFIG_ONLY if hashes else RunKind.DEPLOY))
        world.advance(60)
        assert run.outcome is Outcome.SUCCEEDED
        hashes.append(run.snapshot)
    assert hashes[4] == hashes[0]
    path = snapshot_path(world.service.id, hashes[0])
    assert world.engines.vault.newest_version(path) == 2 and world.engines.vault.read(path) is not None
    assert_retired(world, world.service.id)


def test_a_promotion_checks_that_its_snapshot_is_kept_in_the_commit_that_takes_it(world: World) -> None:
    world.make_service(PRODUCTION)
    deploy_versions(world, "1")
    (record,) = snapshots_of(world)
    source = {"source_service_id": world.service.id, "source_address": str(API), "snapshot": record.hash}
    run = world.accept(RunKind.PROMOTION, at=PRODUCTION, **source).run
    assert run is not None
    result = snapshot(run, world.ports, Slice(world.clock, world.clock.now()))
    assert isinstance(result, Go)
    assert Check(keys.key_of(record), record.version) in result.changes
