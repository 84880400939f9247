"""Status, history, single runs and the pin, over the real pipeline."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.runs import Outcome, Request, RunKind, Trigger
from chalicelib.domain.status import PipelineStatus
from chalicelib.pipeline.intents import accept
from chalicelib.usecases import builds, deploys, runs, services
from chalicelib.usecases.deploys import DeployWish
from chalicelib.usecases.runs import ServiceStatus
from tests.usecases.pipeline import deployed, ended, push, run_of, settle, work_once
from tests.world import World


def words(world: World, service: Service) -> tuple[str, str]:
    status = runs.read_status(world.ports, service).pipeline
    return (status.build.status if status.build else "-", status.deploy.status if status.deploy else "-")


def push_arrives(world: World, service: Service) -> bool:
    """Whether a push was held back."""
    return accept(world.ports, service, of_push(push(world))).held


def of_push(commit: str) -> Request:
    return Request(kind=RunKind.DEPLOY, trigger=Trigger.PUSH, by="github:maria", ref=commit)


def test_a_service_that_nothing_was_asked_of_has_an_empty_status(world: World, service: Service) -> None:
    assert runs.read_status(world.ports, service) == ServiceStatus(pipeline=PipelineStatus())


def test_a_new_deploy_shows_before_its_post_is_answered_and_never_the_old_success(world: World, service: Service) -> None:
    deployed(world, service)
    assert words(world, service) == ("success", "success")
    push(world)
    deploys.deploy(world.ports, service, DeployWish(), "ada")
    assert words(world, service) == ("pending", "-")


def test_the_words_of_a_deploy_only_go_forward_until_both_are_final(world: World, service: Service) -> None:
    push(world)
    deploys.deploy(world.ports, service, DeployWish(), "ada")
    seen = [words(world, service)]
    for _ in range(40):
        work_once(world)
        world.clock.passes(seconds=0.25)
        if words(world, service) != seen[-1]:
            seen.append(words(world, service))
    order = [("pending", "-"), ("building", "-"), ("success", "pending"), ("success", "deploying"), ("success", "success")]
    assert seen == [pair for pair in order if pair in seen]
    assert seen[0] == order[0] and seen[-1] == order[-1]


def test_config_only_rollback_and_an_earlier_build_have_built_at_once(world: World, service: Service) -> None:
    deployed(world, service)
    deployed(world, service)
    for wanted in (DeployWish(config_only=True), DeployWish(build=1)):
        deploys.deploy(world.ports, service, wanted, "ada")
        assert words(world, service)[0] == "success"
        settle(world)
        assert words(world, service) == ("success", "success")
    deploys.rollback(world.ports, service, 2, "ada")
    assert words(world, service)[0] == "success"


def test_a_deploy_that_changes_nothing_is_a_success(world: World, service: Service) -> None:
    deployed(world, service)
    run = ended(world, deploys.deploy(world.ports, service, DeployWish(config_only=True), "ada"))
    assert run.outcome is Outcome.UNCHANGED
    assert words(world, service) == ("success", "success")


def test_a_build_alone_ends_with_no_deploy(world: World, service: Service) -> None:
    push(world)
    ended(world, builds.trigger_build(world.ports, service, ref="", strategy="", by="ada"))
    assert words(world, service) == ("success", "-")


def test_a_failed_build_says_why_while_the_old_deploy_stays_active(world: World, service: Service) -> None:
    deployed(world, service)
    world.engines.builder.broken.add(push(world))
    ended(world, deploys.deploy(world.ports, service, DeployWish(), "ada"))
    status = runs.read_status(world.ports, service)
    assert words(world, service) == ("error", "-")
    assert status.pipeline.build is not None and "exit code 1" in status.pipeline.build.error_detail
    assert (status.run, status.active) == (2, 1)


def test_a_status_needs_no_engine(world: World, service: Service) -> None:
    deployed(world, service)
    world.engines.vault.sealed = True
    assert words(world, service) == ("success", "success")


def test_the_history_is_newest_first_and_no_longer_than_asked_for(world: World, service: Service) -> None:
    for _ in range(3):
        deployed(world, service)
    assert [run.number for run in runs.read_history(world.ports, service, 10)] == [3, 2, 1]
    assert [run.number for run in runs.read_history(world.ports, service, 2)] == [3, 2]


def test_a_run_is_found_by_its_number(world: World, service: Service) -> None:
    run = deployed(world, service)
    assert runs.find_run(world.ports, service, "1") == run


@pytest.mark.parametrize("number", ["0", "2", "-1", "x", "", "1" * 30, "¹"])
def test_what_names_no_run_is_not_found(world: World, service: Service, number: str) -> None:
    deployed(world, service)
    with pytest.raises(NotFound) as caught:
        runs.find_run(world.ports, service, number)
    assert caught.value.code == "run_not_found"


def test_a_pin_holds_pushes_back_and_unpinning_takes_the_newest(world: World, service: Service) -> None:
    deployed(world, service)
    runs.pin(world.ports, service, "ada")
    assert push_arrives(world, service)
    newest = push(world)
    assert accept(world.ports, service, of_push(newest)).held
    status = runs.read_status(world.ports, service)
    assert status.pinned
    assert status.held is not None and status.held.request.ref == newest
    run = ended(world, runs.unpin(world.ports, service, "ada"))
    assert (run.outcome, run.request.ref, run.request.trigger) == (Outcome.SUCCEEDED, newest, Trigger.PUSH)
    after = runs.read_status(world.ports, service)
    assert (after.pinned, after.held) == (False, None)


def test_unpinning_with_nothing_held_makes_no_run(world: World, service: Service) -> None:
    deployed(world, service)
    runs.pin(world.ports, service, "ada")
    assert runs.unpin(world.ports, service, "ada") is None
    assert not push_arrives(world, service)


def test_a_service_that_is_being_deleted_is_not_pinned(world: World, service: Service) -> None:
    deployed(world, service)
    services.delete_service(world.ports, world.ada, service.address)
    with pytest.raises(Conflict):
        runs.pin(world.ports, service, "ada")


def test_a_deploy_that_a_newer_one_took_over_from_is_told_of_the_newer_one(world: World, service: Service) -> None:
    push(world)
    first = deploys.deploy(world.ports, service, DeployWish(), "ada").run
    second = deploys.deploy(world.ports, service, DeployWish(), "ada").run
    assert first is not None and second is not None
    assert run_of(world, service.id, first.number).outcome is Outcome.SUPERSEDED
    assert (runs.read_status(world.ports, service).run, words(world, service)) == (second.number, ("pending", "-"))
    settle(world)
    assert words(world, service) == ("success", "success")


def test_a_deploy_that_a_teardown_displaced_ends_its_follower(world: World, service: Service) -> None:
    deploys.deploy(world.ports, service, DeployWish(), "ada")
    services.delete_service(world.ports, world.ada, service.address)
    assert words(world, service) == ("error", "-")
