"""Builds without deploys, and what is to be read of builds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.runs import Outcome, RunKind
from chalicelib.ports.store import Put
from chalicelib.usecases import builds, services
from tests.usecases.pipeline import ended, lane_of, push, settle, with_code, work_once
from tests.world import World


def built(world: World, service: Service) -> None:
    push(world)
    ended(world, builds.trigger_build(world.ports, service, ref="", strategy="", by="ada"))


def test_a_build_alone_is_accepted_with_its_id_and_number_and_moves_nothing(world: World, service: Service) -> None:
    accepted = builds.trigger_build(world.ports, service, ref="main", strategy="", by="ada")
    assert accepted.run is not None
    assert (accepted.run.kind, accepted.run.build, accepted.run.deploy_id) == (RunKind.BUILD_ONLY, 1, "")
    assert accepted.run.build_id
    assert ended(world, accepted).outcome is Outcome.SUCCEEDED
    assert lane_of(world, service).active is None


@pytest.mark.parametrize("strategy", ["", "dockerfile", "buildpack"])
def test_the_known_strategies_are_taken(world: World, service: Service, strategy: str) -> None:
    accepted = builds.trigger_build(world.ports, service, ref="", strategy=strategy, by="ada")
    assert accepted.run is not None and accepted.run.request.strategy == strategy


def test_an_unknown_strategy_is_refused(world: World, service: Service) -> None:
    with pytest.raises(Invalid) as caught:
        builds.trigger_build(world.ports, service, ref="", strategy="magic", by="ada")
    assert (caught.value.code, caught.value.hint) == ("strategy_unknown", "use one of dockerfile, buildpack")


def test_without_a_repository_there_is_nothing_to_build(world: World) -> None:
    with pytest.raises(Invalid) as caught:
        builds.trigger_build(world.ports, world.make_service("empty"), ref="", strategy="", by="ada")
    assert caught.value.code == "source_missing"


def test_a_ready_image_is_not_built(world: World) -> None:
    service = with_code(world, image="registry.example/web:1")
    with pytest.raises(Invalid) as caught:
        builds.trigger_build(world.ports, service, ref="", strategy="", by="ada")
    assert caught.value.code == "source_not_built"


def test_a_service_that_is_being_deleted_builds_nothing(world: World, service: Service) -> None:
    services.delete_service(world.ports, world.ada, service.address)
    with pytest.raises(Conflict) as caught:
        builds.trigger_build(world.ports, service, ref="", strategy="", by="ada")
    assert caught.value.code == "service_closing"


@pytest.mark.parametrize(
    ("page", "numbers"),
    [(1, [5, 4]), (2, [3, 2]), (3, [1]), (4, [])],
)
def test_builds_come_newest_first_a_page_at_a_time(world: World, service: Service, page: int, numbers: list[int]) -> None:
    for _ in range(5):
        builds.trigger_build(world.ports, service, ref="", strategy="", by="ada")
    listed = builds.list_builds(world.ports, service, page=page, per_page=2)
    assert [build.number for build in listed.items] == numbers
    assert (listed.total, listed.total_pages) == (5, 3)


def test_a_service_that_never_built_has_an_empty_list(world: World, service: Service) -> None:
    listed = builds.list_builds(world.ports, service, page=1, per_page=20)
    assert (listed.items, listed.total, listed.total_pages) == ([], 0, 0)


def test_a_build_is_found_by_number_by_id_and_by_the_beginning_of_its_id(world: World, service: Service) -> None:
    built(world, service)
    build = builds.find_build(world.ports, service, "1")
    assert builds.find_build(world.ports, service, "v1") == build
    assert builds.find_build(world.ports, service, build.id) == build
    assert builds.find_build(world.ports, service, build.id[:8]) == build


@pytest.mark.parametrize("text", ["0", "2", "v2", "v", "-1", "1.0", "99999999", "00000000-0000-4000-8000-00000000dead"])
def test_what_names_no_build_is_not_found(world: World, service: Service, text: str) -> None:
    built(world, service)
    with pytest.raises(NotFound) as caught:
        builds.find_build(world.ports, service, text)
    assert caught.value.code == "build_not_found"


def test_a_build_of_another_service_is_not_found_here(world: World, service: Service) -> None:
    built(world, service)
    build = builds.find_build(world.ports, service, "1")
    other = with_code(world, "worker")
    with pytest.raises(NotFound):
        builds.find_build(world.ports, other, build.id)
    assert [(made.id, found.id) for made, found in builds.find_everywhere(world.ports, build.id)] == [(service.id, build.id)]


def test_a_beginning_that_two_builds_share_is_refused(world: World, service: Service) -> None:
    built(world, service)
    build = builds.find_build(world.ports, service, "1")
    world.ports.store.commit([Put(replace(build, id=build.id[:8] + "-0000-4000-8000-000000000000", number=2, version=0))])
    with pytest.raises(Conflict) as caught:
        builds.find_build(world.ports, service, build.id[:8])
    assert caught.value.code == "build_ambiguous"


def test_a_log_grows_and_is_complete_when_the_build_has_ended(world: World, service: Service) -> None:
    push(world)
    builds.trigger_build(world.ports, service, ref="", strategy="", by="ada")
    first = builds.read_log(world.ports, builds.find_build(world.ports, service, "1"))
    assert (first.status, first.text) == ("pending", "")
    world.clock.passes(seconds=1)
    work_once(world)
    settle(world)
    done = builds.read_log(world.ports, builds.find_build(world.ports, service, "1"))
    assert done.status == "success"
    assert done.text.startswith("building ")


def test_a_failed_build_keeps_its_log_and_its_reason(world: World, service: Service) -> None:
    world.engines.builder.broken.add(push(world))
    ended(world, builds.trigger_build(world.ports, service, ref="", strategy="", by="ada"))
    build = builds.find_build(world.ports, service, "1")
    log = builds.read_log(world.ports, build)
    assert log.status == "error"
    assert log.text.startswith("building ")
    assert "exit code 1" in build.error_detail


def test_the_files_that_a_build_was_made_of_are_kept_with_it(world: World, service: Service) -> None:
    built(world, service)
    build = builds.find_build(world.ports, service, "1")
    assert builds.read_document(world.ports, build.procfile) == "web: python server.py\n"
    assert builds.read_document(world.ports, build.dockerfile) == ""
