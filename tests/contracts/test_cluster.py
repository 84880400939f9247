"""What every cluster adapter does with objects: fences, owners, garbage and roll-outs."""

from __future__ import annotations

import pytest

from chalicelib.domain.fences import Fence, Fenced, Phase
from chalicelib.ports.cluster import ObjectRef
from tests.contracts.cluster_samples import (
    NAMESPACE,
    SERVICE_ID,
    WEB,
    WORKER,
    anchor,
    config_map,
    deployment,
    fence,
    pull_secret,
    web_set,
)
from tests.contracts.cluster_world import Load, World, eventually


@pytest.fixture
def world(any_cluster: World) -> World:
    return any_cluster


# -- fences -------------------------------------------------------------------------------------------------------------------------


def test_a_write_of_an_earlier_turn_is_fenced_and_changes_nothing(world: World) -> None:
    late = world.cluster.ensure_anchor(anchor(1), fence(1))
    owner = world.apply([config_map("settings", ["two"])], 2)

    with pytest.raises(Fenced):
        world.cluster.apply([config_map("other", ["one"]), config_map("settings", ["one"])], owner=late, fence=fence(1))

    assert world.cluster.list_objects(NAMESPACE, SERVICE_ID)[ObjectRef("ConfigMap", NAMESPACE, "settings")] == owner.uid
    world.apply([config_map("settings", ["three"])], 3)


def test_a_revert_beats_the_roll_out_of_its_own_turn(world: World) -> None:
    world.apply([config_map("settings", ["new"])], 4)
    world.apply([config_map("settings", ["old"])], 4, Phase.REVERT)

    with pytest.raises(Fenced):
        world.apply([config_map("settings", ["new"])], 4)


def test_the_same_turn_may_write_again(world: World) -> None:
    world.apply([config_map("settings", ["new"])], 4)
    world.apply([config_map("settings", ["new"])], 4)


# -- owners -------------------------------------------------------------------------------------------------------------------------


def test_an_anchor_that_exists_stays_the_same(world: World) -> None:
    first = world.cluster.ensure_anchor(anchor(1), fence(1))

    assert world.cluster.ensure_anchor(anchor(1), fence(1)) == first
    assert world.cluster.list_anchors(NAMESPACE, SERVICE_ID) == {first: fence(1)}


def test_a_roll_out_and_its_revert_have_anchors_of_their_own(world: World) -> None:
    there = {world.apply([], 1): Fence(SERVICE_ID, 1, Phase.ROLL_OUT), world.apply([], 1, Phase.REVERT): Fence(SERVICE_ID, 1, Phase.REVERT)}

    assert world.cluster.list_anchors(NAMESPACE, SERVICE_ID) == there


def test_objects_are_listed_with_their_owner_and_pods_are_not(world: World) -> None:
    first = world.roll_out(1)
    second = world.apply([deployment()], 2)

    listed = world.cluster.list_objects(NAMESPACE, SERVICE_ID)

    assert {(ref.kind, ref.name): owner for ref, owner in listed.items()} == {
        ("ConfigMap", "api.turn-1.roll-out"): "",
        ("ConfigMap", "api.turn-2.roll-out"): "",
        ("ConfigMap", "web-config"): first.uid,
        ("Deployment", WEB): second.uid,
        ("Ingress", "api-prod-shop"): first.uid,
        ("Secret", "api.pull"): first.uid,
        ("Service", "api-prod-shop"): first.uid,
    }
    assert world.cluster.list_objects(NAMESPACE, "another-service") == {}


def test_what_an_anchor_owns_goes_with_it_and_so_do_its_processes(world: World) -> None:
    owner = world.roll_out(1)
    assert world.processes()

    world.cluster.delete_anchor(owner)
    world.cluster.delete_anchor(owner)

    eventually(lambda: not world.cluster.list_objects(NAMESPACE, SERVICE_ID), within=world.patience)
    eventually(lambda: not world.processes(), within=world.patience)


def test_what_was_taken_over_by_a_newer_anchor_stays(world: World) -> None:
    older = world.roll_out(1)
    process = world.served_by()
    world.roll_out(2)

    world.cluster.delete_anchor(older)

    eventually(lambda: older not in world.cluster.list_anchors(NAMESPACE, SERVICE_ID), within=world.patience)
    assert world.watch().settled
    assert world.served_by() == process


def test_an_object_that_comes_late_under_a_dead_anchor_vanishes(world: World) -> None:
    dead = world.cluster.ensure_anchor(anchor(1), fence(1))
    world.cluster.delete_anchor(dead)

    world.cluster.apply(web_set(), owner=dead, fence=fence(1))

    eventually(lambda: not world.cluster.list_objects(NAMESPACE, SERVICE_ID), within=world.patience)
    eventually(lambda: not world.processes(), within=world.patience)


# -- roll-outs ----------------------------------------------------------------------------------------------------------------------


def test_no_request_is_lost_while_pods_are_replaced_and_scaled(world: World) -> None:
    world.roll_out(1, env={"VERSION": "1"}, replicas=2)
    load = Load(world)

    with load.running():
        world.roll_out(2, env={"VERSION": "2"}, replicas=2)
        world.roll_out(3, env={"VERSION": "3"}, replicas=3)
        world.roll_out(4, env={"VERSION": "3"}, replicas=1)

    assert load.failures == []
    assert load.answers > 20
    assert load.versions == {"1", "2", "3"}


def test_a_new_owner_and_a_new_count_restart_nothing(world: World) -> None:
    world.roll_out(1)
    process = world.served_by()

    world.roll_out(2, replicas=2)
    world.roll_out(3, replicas=1)

    assert world.served_by() == process


def test_scaled_to_nothing_it_is_settled_and_nothing_runs(world: World) -> None:
    world.roll_out(1, replicas=2)

    world.roll_out(2, replicas=0)

    eventually(lambda: not world.processes(), within=world.patience)


def test_the_former_template_put_back_finds_its_pods_still_running(world: World) -> None:
    world.roll_out(1, env={"VERSION": "1"})
    process = world.served_by()
    world.apply(web_set(env={"VERSION": "2", "HEALTH": "500"}), 2)
    assert not world.watch(seconds=0.5).settled

    world.apply(web_set(env={"VERSION": "1"}), 2, Phase.REVERT)

    assert world.watch().settled
    assert world.served_by() == process


def test_a_broken_version_never_gets_a_request(world: World) -> None:
    world.roll_out(1, env={"VERSION": "1"})
    load = Load(world)

    with load.running():
        world.apply(web_set(env={"VERSION": "2", "HEALTH": "500"}), 2)
        assert not world.watch(seconds=0.5).settled

    assert (load.failures, load.versions) == ([], {"1"})


def test_a_process_that_ends_is_started_again(world: World) -> None:
    world.roll_out(1)
    before = world.served_by()

    world.kill_process()

    eventually(lambda: world.watch().settled and world.served_by() != before, within=world.patience)


def test_a_process_without_a_probe_must_run_for_its_time_before_it_counts(world: World) -> None:
    world.apply([pull_secret(), config_map("web-config", ["sleep", "60"]), deployment(WORKER, "worker", min_ready=0.4)], 1)

    assert not world.watch(WORKER, seconds=0.3).settled
    assert world.watch(WORKER).settled


def test_a_deployment_that_is_not_there_is_not_settled(world: World) -> None:
    status = world.watch(seconds=0)

    assert not status.settled
    assert status.message == f"there is no Deployment {WEB!r}"
