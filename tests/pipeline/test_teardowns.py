"""Deleting services and environments leaves nothing behind, and takes nothing along that others run."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address
from chalicelib.domain.fences import Fence, Phase
from chalicelib.domain.runs import Outcome, RunKind, Stage
from chalicelib.manifests.kubernetes import render_anchor
from chalicelib.pipeline.intents import accept_tree
from chalicelib.ports.store import Put, get_one
from tests.simulation.world import FILES, World


def test_a_service_that_is_deleted_while_it_deploys_leaves_nothing(world: World) -> None:
    world.engines.cluster.start = timedelta(seconds=30)
    world.push()
    world.accept()
    world.advance(10)
    world.accept(RunKind.TEARDOWN)
    world.settle()
    world.advance(300)
    assert get_one(world.store, keys.service(world.service.address)) is None
    assert world.engines.cluster.objects == {}
    assert world.engines.catalog.entries == {}
    assert world.engines.registry.images == {}
    assert world.engines.vault.allowed == {}


def test_a_service_made_again_under_the_same_name_meets_nothing_of_its_predecessor(world: World) -> None:
    world.set_secret("TOKEN", "old")
    world.deploy()
    world.accept(RunKind.TEARDOWN)
    world.settle()
    world.service = world.make_service(world.service.address)
    run = world.deploy({**FILES, "VERSION": "2"})
    assert (run.number, run.build, run.deploy, run.turn) == (1, 1, 1, 1)
    assert world.active_snapshot().config == {}


def test_a_teardown_waits_for_an_engine_however_long_it_is_away(world: World) -> None:
    world.deploy()
    world.engines.vault.sealed = True
    run = world.accept(RunKind.TEARDOWN).run
    world.advance(5 * 3600)
    assert run is not None and not world.run(run.number).finished
    world.engines.vault.sealed = False
    world.settle()
    assert world.run(run.number).outcome is Outcome.SUCCEEDED
    assert world.find_service() is None


def test_an_anchor_that_comes_late_does_not_stop_a_teardown(world: World) -> None:
    world.deploy()
    run = world.accept(RunKind.TEARDOWN).run
    assert run is not None
    while world.run(run.number).stage is not Stage.TAKE_DOWN:
        world.tick()
    stray = render_anchor(world.service.address, world.service.id, 1, Phase.REVERT)
    world.store.commit([Put(world.run(run.number).at(Stage.WATCH_TAKE_DOWN, world.clock.now()).noting(namespace="ancla-acme"))])
    world.engines.cluster.ensure_anchor(stray, Fence(world.service.id, 1, Phase.REVERT))
    world.settle()
    assert world.run(run.number).outcome is Outcome.SUCCEEDED
    assert world.engines.cluster.objects == {}


def test_the_image_of_a_service_that_was_promoted_outlives_it(world: World) -> None:
    target = Address("acme", "shop", "production", "api")
    world.make_service(target)
    first = world.deploy()
    request = {"snapshot": first.snapshot, "source_service_id": world.service.id, "source_address": str(world.service.address)}
    assert world.ended(world.accept(RunKind.PROMOTION, at=target, **request)).outcome is Outcome.SUCCEEDED
    world.ended(world.accept(RunKind.TEARDOWN))
    world.advance(300)
    image = world.snapshot_of(world.read_service(target).id, first.snapshot).image
    assert world.engines.registry.has(image.repository, image.digest)
    world.ended(world.accept(RunKind.TEARDOWN, at=target))
    assert world.engines.registry.images == {}


def test_an_environment_goes_with_all_its_services_while_they_deploy(world: World) -> None:
    other = Address("acme", "shop", "staging", "web")
    world.make_service(other)
    world.engines.cluster.start = timedelta(seconds=30)
    world.push()
    world.accept()
    world.accept(at=other)
    world.advance(10)
    environment = world.find_environment(other.parent)
    assert environment is not None
    accept_tree(world.ports, environment, "ada")
    world.settle()
    world.advance(300)
    assert world.find_environment(other.parent) is None
    assert world.find_service() is None and world.find_service(other) is None
    assert world.engines.cluster.objects == {} and world.engines.registry.images == {}


def test_a_build_that_ends_after_its_service_is_gone_leaves_no_image(world: World) -> None:
    world.engines.builder.duration = timedelta(minutes=10)
    world.push()
    world.accept(RunKind.BUILD_ONLY)
    world.advance(5)
    world.accept(RunKind.TEARDOWN)
    world.advance(900)
    assert world.run(1).finished
    assert world.engines.registry.images == {}
