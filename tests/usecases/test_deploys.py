"""Asking for deploys, going back, and reading what became of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address
from chalicelib.domain.errors import Conflict, Invalid, NotFound, StaleWrite
from chalicelib.domain.hierarchy import Environment, Service
from chalicelib.domain.runs import Outcome, RunKind
from chalicelib.ports.store import Put, get_one
from chalicelib.usecases import deploys, environments, services
from chalicelib.usecases.deploys import DeployWish
from tests.usecases.pipeline import (
    RacingStore,
    break_roll_outs,
    deploy_of,
    deployed,
    ended,
    expire_snapshot,
    lane_of,
    push,
    runs_of,
    settle,
    with_code,
)
from tests.world import World


def refused(error: type[Exception], world: World, service: Service, wish: DeployWish) -> tuple[str, str]:
    """Code and hint of the refusal; nothing was accepted."""
    before = len(runs_of(world, service))
    with pytest.raises(error) as caught:
        deploys.deploy(world.ports, service, wish, "ada")
    assert len(runs_of(world, service)) == before
    return caught.value.code, caught.value.hint  # type: ignore[attr-defined]


def test_a_deploy_is_accepted_with_its_ids_and_does_its_work_later(world: World, service: Service) -> None:
    accepted = deploys.deploy(world.ports, service, DeployWish(ref="main"), "ada")
    run = accepted.run
    assert run is not None
    assert (run.kind, run.build, run.request.by, run.request.ref) == (RunKind.DEPLOY, 1, "ada", "main")
    assert run.build_id and run.deploy_id
    assert ended(world, accepted).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("ref", ["-x", "a..b", "a b", "--upload-pack=x"])
def test_what_can_be_no_ref_is_refused(world: World, service: Service, ref: str) -> None:
    assert refused(Invalid, world, service, DeployWish(ref=ref))[0] == "ref_invalid"


def test_a_service_without_a_repository_says_how_to_set_one(world: World) -> None:
    code, hint = refused(Invalid, world, world.make_service("web"), DeployWish())
    assert code == "source_missing"
    assert "ancla services update acme/shop/production/web --repository" in hint


def test_a_ready_image_has_no_ref(world: World) -> None:
    service = with_code(world, image="registry.example/web:1")
    assert refused(Invalid, world, service, DeployWish(ref="main"))[0] == "ref_invalid"


@pytest.mark.parametrize(
    "wish", [DeployWish(ref="main", build=1), DeployWish(build=1, config_only=True), DeployWish(ref="main", config_only=True)]
)
def test_wishes_that_exclude_each_other_are_refused(world: World, service: Service, wish: DeployWish) -> None:
    assert refused(Invalid, world, service, wish)[0] == "deploy_ambiguous"


def test_a_service_that_is_being_deleted_takes_nothing_more(world: World, service: Service) -> None:
    services.delete_service(world.ports, world.ada, service.address)
    assert refused(Conflict, world, service, DeployWish())[0] == "service_closing"
    closing = get_one(world.ports.store, keys.service(service.address))
    assert closing is not None
    assert refused(Conflict, world, closing, DeployWish())[0] == "service_closing"


def test_an_earlier_build_is_deployed_without_building(world: World, service: Service) -> None:
    deployed(world, service)
    deployed(world, service)
    run = ended(world, deploys.deploy(world.ports, service, DeployWish(build=1), "ada"))
    assert (run.outcome, run.build) == (Outcome.SUCCEEDED, 1)
    assert lane_of(world, service).builds == 2


@pytest.mark.parametrize("number", [9, -1])
def test_a_build_that_is_not_there_is_not_found(world: World, service: Service, number: int) -> None:
    assert refused(NotFound, world, service, DeployWish(build=number))[0] == "build_not_found"


def test_a_build_without_an_image_cannot_be_deployed(world: World, service: Service) -> None:
    world.engines.builder.broken.add(push(world))
    ended(world, deploys.deploy(world.ports, service, DeployWish(), "ada"))
    code, hint = refused(Conflict, world, service, DeployWish(build=1))
    assert (code, hint) == ("build_not_usable", "choose a build that succeeded: ancla builds list acme/shop/production/web")


def test_config_only_needs_something_that_runs(world: World, service: Service) -> None:
    assert refused(Conflict, world, service, DeployWish(config_only=True))[0] == "nothing_deployed"


def test_config_only_waits_for_the_first_deploy(world: World, service: Service) -> None:
    deploys.deploy(world.ports, service, DeployWish(), "ada")
    accepted = deploys.deploy(world.ports, service, DeployWish(config_only=True), "ada")
    assert accepted.run is not None and accepted.run.deploy_id
    assert ended(world, accepted).finished


def test_a_whole_environment_deploys_each_service_that_has_code(world: World, service: Service) -> None:
    other = with_code(world, "worker")
    world.make_service("empty")
    environment = production(world)
    asked = deploys.deploy_all(world.ports, environment, "ada")
    assert [(made.address.slug, accepted.run is not None) for made, accepted in asked] == [("web", True), ("worker", True)]
    assert len(runs_of(world, other)) == 1


def test_an_environment_without_code_says_what_to_do(world: World) -> None:
    world.make_service("empty")
    with pytest.raises(Invalid) as caught:
        deploys.deploy_all(world.ports, production(world), "ada")
    assert caught.value.code == "source_missing"


def test_a_rollback_goes_back_to_the_deploy_before(world: World, service: Service) -> None:
    deployed(world, service)
    deployed(world, service)
    run = ended(world, deploys.rollback(world.ports, service, 0, "ada"))
    assert (run.outcome, run.request.rollback_to) == (Outcome.SUCCEEDED, 1)
    assert deploy_of(world, service, 3).snapshot == deploy_of(world, service, 1).snapshot
    assert lane_of(world, service).pinned_by == run.number


def test_any_earlier_good_deploy_can_be_chosen(world: World, service: Service) -> None:
    for _ in range(3):
        deployed(world, service)
    run = ended(world, deploys.rollback(world.ports, service, 1, "ada"))
    assert (run.request.rollback_to, run.snapshot) == (1, deploy_of(world, service, 1).snapshot)


def test_without_a_remembered_predecessor_the_newest_good_deploy_before_is_taken(world: World, service: Service) -> None:
    deployed(world, service)
    failing(world, service)
    deployed(world, service)
    lane = lane_of(world, service)
    world.ports.store.commit([Put(replace(lane, previous=None))])
    accepted = deploys.rollback(world.ports, service, 0, "ada")
    assert accepted.run is not None and accepted.run.request.rollback_to == 1


@pytest.mark.parametrize("version", [0, 7, -1])
def test_what_was_never_deployed_cannot_be_gone_back_to(world: World, service: Service, version: int) -> None:
    deployed(world, service)
    with pytest.raises(NotFound) as caught:
        deploys.rollback(world.ports, service, version, "ada")
    assert (caught.value.code, caught.value.hint) == (
        "deploy_not_found",
        "choose one that is complete: ancla deploys list acme/shop/production/web",
    )


def test_a_service_that_runs_nothing_has_nothing_to_go_back_to(world: World, service: Service) -> None:
    with pytest.raises(NotFound):
        deploys.rollback(world.ports, service, 0, "ada")


def test_a_deploy_that_failed_cannot_be_gone_back_to(world: World, service: Service) -> None:
    deployed(world, service)
    failing(world, service)
    with pytest.raises(Conflict) as caught:
        deploys.rollback(world.ports, service, 2, "ada")
    assert caught.value.code == "deploy_not_good"


def test_a_snapshot_that_is_being_removed_cannot_be_gone_back_to(world: World, service: Service) -> None:
    deployed(world, service)
    deployed(world, service)
    expire_snapshot(world, service, 1)
    with pytest.raises(Conflict) as caught:
        deploys.rollback(world.ports, service, 1, "ada")
    assert caught.value.code == "snapshot_expired"
    assert lane_of(world, service).pinned_by == 0


def test_a_snapshot_that_is_chosen_for_removal_at_this_moment_is_not_gone_back_to(world: World, service: Service) -> None:
    deployed(world, service)
    deployed(world, service)
    racing = replace(world.ports, store=RacingStore(world.ports.store, lambda: expire_snapshot(world, service, 1)))
    with pytest.raises(StaleWrite):
        deploys.rollback(racing, service, 1, "ada")
    assert len(runs_of(world, service)) == 2


def test_deploys_are_listed_newest_first_with_the_active_one_marked(world: World, service: Service) -> None:
    deployed(world, service)
    deployed(world, service)
    failing(world, service)
    listed = deploys.list_deploys(world.ports, service)
    assert [(d.version, d.complete, d.error, d.active) for d in listed] == [
        (3, False, True, False),
        (2, True, False, True),
        (1, True, False, False),
    ]
    assert listed[0].error_detail


def test_an_environments_deploys_are_those_of_all_its_services(world: World, service: Service) -> None:
    other = with_code(world, "worker")
    elsewhere = with_code(world, environment="acme/shop/staging")
    for each in (service, other, elsewhere):
        deployed(world, each)
    listed = deploys.list_deploys_of_environment(world.ports, production(world))
    assert [made.address.slug for made, _ in listed] == ["worker", "web"]


def test_a_deploy_is_found_from_the_moment_its_id_was_given_out(world: World, service: Service) -> None:
    run = deploys.deploy(world.ports, service, DeployWish(), "ada").run
    assert run is not None
    for text in (run.deploy_id, run.deploy_id[:8], run.deploy_id.upper()):
        assert deploys.find_in_services(world.ports, [service], text)[1].status == "pending"
    settle(world)
    found = deploys.find_in_services(world.ports, [service], run.deploy_id[:8])[1]
    assert (found.id, found.version, found.complete) == (run.deploy_id, 1, True)


@pytest.mark.parametrize("text", ["", "abc", "00000000", "not-an-id", "../../x", "00000000-0000-4000-8000-00000000dead"])
def test_what_names_no_deploy_is_not_found(world: World, service: Service, text: str) -> None:
    deployed(world, service)
    with pytest.raises(NotFound):
        deploys.find_in_services(world.ports, [service], text)


def test_a_deploy_of_another_service_is_not_found_here(world: World, service: Service) -> None:
    run = deployed(world, service)
    other = with_code(world, "worker")
    with pytest.raises(NotFound):
        deploys.find_in_services(world.ports, [other], run.deploy_id)
    assert [made.id for made, _ in deploys.find_everywhere(world.ports, run.deploy_id)] == [service.id]


def test_a_beginning_that_two_deploys_share_is_refused_and_the_whole_id_is_taken(world: World, service: Service) -> None:
    deployed(world, service)
    record = deploy_of(world, service, 1)
    twin = replace(record, id=record.id[:8] + "-0000-4000-8000-000000000000", number=2, version=0)
    world.ports.store.commit([Put(twin)])
    with pytest.raises(Conflict) as caught:
        deploys.find_in_services(world.ports, [service], record.id[:8])
    assert caught.value.code == "deploy_ambiguous"
    assert deploys.find_in_services(world.ports, [service], twin.id)[1].version == 2


def test_a_deploys_log_is_what_its_run_told(world: World, service: Service) -> None:
    run = deploys.deploy(world.ports, service, DeployWish(), "ada").run
    assert run is not None
    _, waiting = deploys.find_in_services(world.ports, [service], run.deploy_id)
    assert deploys.read_log(world.ports, service, waiting) == ""
    settle(world)
    _, done = deploys.find_in_services(world.ports, [service], run.deploy_id)
    assert "deploy 1" in deploys.read_log(world.ports, service, done)


def failing(world: World, service: Service) -> None:
    """A deploy whose processes never get healthy."""
    break_roll_outs(world, push(world))
    run = ended(world, deploys.deploy(world.ports, service, DeployWish(), "ada"))
    assert run.outcome is Outcome.FAILED


def production(world: World) -> Environment:
    return environments.get_environment(world.ports.store, Address("acme", "shop", "production"))
