"""What the embedded cluster promises beyond the port: its node, whatever dies."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.node.control import node_pid
from chalicelib.adapters.embedded.node.objects import open_objects
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.fences import Fence
from chalicelib.ports.cluster import PodPhase
from tests.contracts.cluster_samples import NAMESPACE, WEB, anchor, config_map, deployment, fence, pod, pull_secret, shared, web_set
from tests.contracts.cluster_world import EmbeddedWorld, eventually, user_processes
from tests.machine import free_port


@pytest.fixture
def world(running_cluster: EmbeddedWorld) -> Iterator[EmbeddedWorld]:
    yield running_cluster
    running_cluster.ensure_node()
    running_cluster.clear()


# -- objects ------------------------------------------------------------------------------------------------------------------------


def test_an_older_version_of_what_is_shared_changes_nothing_and_is_no_error(world: EmbeddedWorld) -> None:
    for text, version in (("newer", 5), ("older", 4)):
        world.cluster.ensure_shared(shared(text), version=version)

    with open_objects(world.home) as objects:
        namespace = objects.find("Namespace", "", NAMESPACE)
    assert namespace is not None
    assert namespace.labels == {"text": "newer"}


def test_fence_and_owner_are_on_the_object_and_never_in_the_pod_template(world: EmbeddedWorld) -> None:
    owner = world.apply([deployment()], 3)

    with open_objects(world.home) as objects:
        stored = objects.find("Deployment", NAMESPACE, WEB)
    assert stored is not None
    assert stored.manifest["metadata"]["annotations"] == {"ancla.dev/fence": str(fence(3))}
    assert [reference["uid"] for reference in stored.manifest["metadata"]["ownerReferences"]] == [owner.uid]
    assert stored.manifest["spec"] == deployment()["spec"]


def test_an_object_of_a_service_that_had_the_same_address_is_left_alone(world: EmbeddedWorld) -> None:
    world.apply([deployment()], 3)
    owner = world.cluster.ensure_anchor(anchor(1), fence(1))

    with pytest.raises(Unavailable, match="belongs to another service"):
        world.cluster.apply([deployment()], owner=owner, fence=Fence("another-service", 9))


# -- deaths -------------------------------------------------------------------------------------------------------------------------


def test_a_node_that_is_killed_and_comes_back_finds_its_pods_running(world: EmbeddedWorld) -> None:
    world.roll_out(1, replicas=2)
    processes = user_processes(world.home)

    world.kill_node()
    assert user_processes(world.home) == processes
    assert not world.watch(seconds=0).settled
    world.ensure_node()

    assert world.get()[0] == 200
    assert world.watch().settled
    assert user_processes(world.home) == processes


def test_a_node_that_was_killed_stays_as_no_zombie_of_who_started_it(world: EmbeddedWorld) -> None:
    node = node_pid(world.home)

    world.kill_node()

    eventually(lambda: not Path(f"/proc/{node}").exists())


def test_a_process_that_ended_while_no_node_ran_is_started_again(world: EmbeddedWorld) -> None:
    world.roll_out(1)
    process = world.process_id()
    world.kill_node()

    os.kill(process, signal.SIGKILL)
    eventually(lambda: not user_processes(world.home))
    world.ensure_node()

    eventually(lambda: world.watch().settled and world.process_id() != process)


def test_when_everything_was_killed_all_that_is_wanted_comes_back(world: EmbeddedWorld) -> None:
    world.roll_out(1, replicas=2)
    world.kill_node()
    for process in [*launchers(world), *user_processes(world.home)]:
        kill(process)
    eventually(lambda: not user_processes(world.home))

    world.ensure_node()

    eventually(lambda: world.watch().settled)
    assert world.get()[0] == 200


def test_what_a_killed_node_left_of_pods_that_ended_is_cleared_away_by_the_next(world: EmbeddedWorld) -> None:
    world.roll_out(1)
    kept = set((world.home / "pods").iterdir())
    world.kill_node()
    left = world.home / "pods" / "of-a-pod-that-ended" / "files"
    left.mkdir(parents=True)
    left.chmod(0o555)

    world.ensure_node()

    eventually(lambda: set((world.home / "pods").iterdir()) == kept)
    assert world.watch().settled


def test_a_change_whose_poke_was_lost_is_seen_within_moments(world: EmbeddedWorld) -> None:
    owner = world.roll_out(1)

    with open_objects(world.home) as objects:
        objects.delete(owner.uid)  # as by who died before the poke

    eventually(lambda: not user_processes(world.home))


def test_what_was_asked_for_while_no_node_ran_is_done_by_the_next(world: EmbeddedWorld) -> None:
    world.kill_node()
    world.apply(web_set(), 1)

    world.ensure_node()

    assert world.watch().settled


def test_a_one_off_that_was_lost_with_the_machine_is_never_run_again(world: EmbeddedWorld) -> None:
    count = world.home / "count"
    owner = world.apply([pull_secret(), config_map("release-config", ["sh", "-c", f"echo x >> {count}; sleep 60"])], 1)
    uid = world.cluster.start_gated_pod(pod(), owner=owner, fence=fence(1))
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)
    eventually(count.exists)
    world.kill_node()
    for process in [*launchers(world), *user_processes(world.home)]:
        kill(process)

    world.ensure_node()

    status = world.cluster.watch_pod(NAMESPACE, "api-release-1", uid, log_offset=0, seconds=8)
    assert (status.phase, status.exit_code) == (PodPhase.FAILED, None)
    assert count.read_text() == "x\n"


def test_a_one_off_goes_on_while_the_node_is_replaced(world: EmbeddedWorld) -> None:
    owner = world.apply([pull_secret(), config_map("release-config", ["sh", "-c", "sleep 0.5; echo done; exit 3"])], 1)
    uid = world.cluster.start_gated_pod(pod(), owner=owner, fence=fence(1))
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)
    eventually(lambda: user_processes(world.home))

    world.kill_node()
    world.ensure_node()

    eventually(lambda: world.cluster.watch_pod(NAMESPACE, "api-release-1", uid, log_offset=99, seconds=1).phase is PodPhase.FAILED)
    status = world.cluster.watch_pod(NAMESPACE, "api-release-1", uid, log_offset=0, seconds=0)
    assert (status.exit_code, status.log) == (3, b"done\n")


def test_all_that_a_process_started_ends_with_it(world: EmbeddedWorld) -> None:
    world.roll_out(1, command=["sh", "-c", "setsid sleep 60 & sleep 61 & exec python3 server.py"])
    assert len(user_processes(world.home)) == 3

    world.roll_out(2, replicas=0)

    eventually(lambda: not user_processes(world.home))


def test_a_process_that_ignores_the_signal_is_killed_after_its_grace(world: EmbeddedWorld) -> None:
    world.roll_out(1, command=["sh", "-c", "trap '' TERM; python3 server.py & while :; do wait; done"], grace=1)
    began = time.monotonic()

    world.apply(web_set(replicas=0, command=["sh", "-c", "trap '' TERM; python3 server.py & while :; do wait; done"], grace=1), 2)

    eventually(lambda: not user_processes(world.home))
    assert time.monotonic() - began < 4


# -- start and stop -----------------------------------------------------------------------------------------------------------------


def test_a_node_that_runs_is_not_started_twice(world: EmbeddedWorld) -> None:
    pid = node_pid(world.home)

    world.ensure_node()

    assert node_pid(world.home) == pid


def test_a_node_that_is_to_listen_elsewhere_hands_its_pods_over(world: EmbeddedWorld) -> None:
    world.roll_out(1)
    process = world.served_by()

    world.settings = replace(world.settings, router_port=free_port())
    world.ensure_node()

    assert world.served_by() == process


def test_a_stopped_node_leaves_no_process_and_its_next_start_brings_them_back(world: EmbeddedWorld) -> None:
    world.roll_out(1, replicas=2)

    world.stop_node()
    assert node_pid(world.home) is None
    assert not user_processes(world.home)
    world.ensure_node()

    assert world.watch().settled


def test_a_one_off_that_a_stopped_node_cut_off_has_no_exit_code_and_never_runs_again(world: EmbeddedWorld) -> None:
    count = world.home / "cut-off"
    owner = world.apply([pull_secret(), config_map("release-config", ["sh", "-c", f"echo x >> {count}; exec sleep 60"])], 1)
    uid = world.cluster.start_gated_pod(pod(), owner=owner, fence=fence(1))
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)
    eventually(lambda: count.exists() and count.read_text() == "x\n")

    world.stop_node()
    world.ensure_node()

    status = world.cluster.watch_pod(NAMESPACE, "api-release-1", uid, log_offset=0, seconds=8)
    assert (status.phase, status.exit_code, status.message) == (PodPhase.FAILED, None, "the node was stopped while it ran")
    assert count.read_text() == "x\n"


def test_a_router_port_that_is_taken_is_told(world: EmbeddedWorld) -> None:
    world.stop_node()
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(Unavailable) as caught:
        world.ensure_node(replace(world.settings, router_port=other.getsockname()[1]))

    assert caught.value.code == "router_port_taken"
    assert "ANCLA_ROUTER_PORT" in caught.value.hint


def launchers(world: EmbeddedWorld) -> list[int]:
    return [int((folder / "process").read_text().split()[1]) for folder in (world.home / "pods").iterdir() if (folder / "process").exists()]


def kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass
