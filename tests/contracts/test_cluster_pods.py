"""What every cluster adapter tells of pods that do not do well, and how it runs one-off pods."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.fences import Anchor, Fenced
from chalicelib.ports.cluster import PodEvidence, PodPhase, PodStatus, Rejected
from tests.contracts.cluster_samples import (
    MISSING_DIGEST,
    NAMESPACE,
    SERVICE_ID,
    WEB,
    config_map,
    deployment,
    pod,
    pull_secret,
    web_set,
)
from tests.contracts.cluster_world import World, eventually

MIB = 1024 * 1024


@pytest.fixture
def world(any_cluster: World) -> World:
    return any_cluster


# -- failures -----------------------------------------------------------------------------------------------------------------------


def evidence_of(world: World, owner: Anchor) -> PodEvidence:
    eventually(lambda: world.cluster.evidence(NAMESPACE, SERVICE_ID, owner), within=world.patience)
    return world.cluster.evidence(NAMESPACE, SERVICE_ID, owner)[0]


@pytest.mark.parametrize(
    ("options", "failure", "message"),
    [
        ({"command": ["python3", "-c", "print('bye'); raise SystemExit(3)"]}, "process_exited", "exited with code 3 before it was ready"),
        ({"command": ["no-such-command"]}, "command_not_found", "the command was not found"),
        ({"command": ["./server.py"]}, "command_not_found", "the command cannot be executed"),
        ({"digest": MISSING_DIGEST}, "image_unavailable", MISSING_DIGEST[:19]),
    ],
)
def test_what_cannot_run_fails_for_certain(world: World, options: dict[str, Any], failure: str, message: str) -> None:
    world.apply(web_set(**options), 1)

    status = world.watch()

    assert status.failure == failure
    assert message in status.message


def test_the_evidence_of_a_process_that_ends_has_its_last_words(world: World) -> None:
    owner = world.apply(web_set(command=["python3", "-c", "for n in range(30): print('line', n)\nraise SystemExit(3)"]), 1)
    assert world.watch().failure

    evidence = evidence_of(world, owner)

    assert evidence.process == "web"
    assert evidence.exit_code == 3
    assert evidence.restarts >= 1
    assert evidence.log_tail[-1] == "line 29"
    assert len(evidence.log_tail) == 20


def test_evidence_is_of_the_template_that_the_anchor_applied(world: World) -> None:
    first = world.roll_out(1, env={"VERSION": "1"})
    second = world.apply(web_set(command=["false"], config="second"), 2)
    assert world.watch().failure

    assert [(one.state, one.healthy) for one in world.cluster.evidence(NAMESPACE, SERVICE_ID, first)] == [("running, ready", True)]
    assert [(one.exit_code, one.healthy) for one in world.cluster.evidence(NAMESPACE, SERVICE_ID, second)] == [(1, False)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"replicas": -1}, "is not a count|must be greater than or equal to 0"),
        ({"selector": {"matchLabels": {"other": "label"}}}, "selector`? does not match"),
        ({"template": None}, "template' is missing|spec.template.*Required value"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_rejected_with_the_reason(world: World, change: dict[str, Any], reason: str) -> None:
    manifest = dict(deployment())
    manifest["spec"] = {**manifest["spec"], **change}

    with pytest.raises(Rejected, match=reason) as caught:
        world.apply([config_map("first", ["x"]), manifest], 1)

    assert WEB in caught.value.message


def test_an_object_in_a_namespace_that_is_not_there_is_rejected(world: World) -> None:
    manifest = {**config_map("settings", ["x"]), "metadata": {"name": "settings", "namespace": "nowhere"}}

    with pytest.raises(Rejected, match="nowhere.*(is not there|not found)"):
        world.apply([manifest], 1)


# -- one-off pods -------------------------------------------------------------------------------------------------------------------


def test_a_gated_pod_runs_when_its_gate_is_lifted_and_only_once(world: World) -> None:
    owner, uid = one_off(world, ["sh", "-c", "echo migrated"])
    assert watch_once(world, uid, seconds=0.4) == (PodPhase.GATED, None, b"")
    assert world.start_gated(pod(), owner, 1) == uid

    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)
    assert wait_for(world, uid) == (PodPhase.SUCCEEDED, 0, b"migrated\n")
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)

    assert world.start_gated(pod(), owner, 1) == uid
    assert watch_once(world, uid, seconds=0.4) == (PodPhase.SUCCEEDED, 0, b"migrated\n")


def test_a_late_worker_does_not_start_a_one_off_of_a_later_holder(world: World) -> None:
    owner = world.apply([pull_secret(), config_map("release-config", ["true"])], 2)
    world.start_gated(pod(), owner, 2)

    with pytest.raises(Fenced):
        world.start_gated(pod(), owner, 1)


def test_a_one_off_gets_its_variables_as_they_were_given(world: World) -> None:
    _, uid = one_off(world, ["sh", "-c", 'echo "$GREETING"'], env={"GREETING": "cost: $$5, $(NOPE)"})

    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)

    assert wait_for(world, uid) == (PodPhase.SUCCEEDED, 0, b"cost: $5, $(NOPE)\n")


def test_a_one_off_that_fails_keeps_its_exit_code_and_is_not_tried_again(world: World) -> None:
    _, uid = one_off(world, ["sh", "-c", "echo no; exit 4"])

    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)

    assert wait_for(world, uid) == (PodPhase.FAILED, 4, b"no\n")


def test_a_one_off_whose_image_is_not_there_is_told_as_one_that_never_began(world: World) -> None:
    owner = world.apply([pull_secret(), config_map("release-config", ["echo", "hello"])], 1)
    uid = world.start_gated(pod(digest=MISSING_DIGEST), owner, 1)
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)

    eventually(lambda: never_began(world, uid).failure, within=world.patience)

    told = never_began(world, uid)
    assert (told.failure, told.exit_code, told.log) == ("image_unavailable", None, b"")
    assert MISSING_DIGEST[:19] in told.message


def never_began(world: World, uid: str) -> PodStatus:
    return world.cluster.watch_pod(NAMESPACE, "api-release-1", uid, log_offset=0, seconds=4)


def test_the_log_of_a_one_off_is_read_on_from_an_offset(world: World) -> None:
    _, uid = one_off(world, ["sh", "-c", f"echo one; sleep {world.beat}; echo two"])
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)

    first = world.cluster.watch_pod(NAMESPACE, "api-release-1", uid, log_offset=0, seconds=8)
    second = world.cluster.watch_pod(NAMESPACE, "api-release-1", uid, log_offset=len(first.log), seconds=8)

    assert (first.phase, first.log, second.log) == (PodPhase.RUNNING, b"one\n", b"two\n")


def test_much_output_of_a_one_off_comes_in_bounded_parts_and_its_end_with_the_last_of_them(world: World) -> None:
    size = 5 * MIB
    _, uid = one_off(world, ["python3", "-c", f"print('x' * {size}); print('done'); raise SystemExit(3)"])
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)
    eventually(lambda: all_of(world, uid, start=size)[0] is PodPhase.FAILED)

    phase, parts = all_of(world, uid, start=0)

    assert phase is PodPhase.FAILED
    assert b"".join(parts) == b"x" * size + b"\ndone\n"
    assert max(len(part) for part in parts) <= 2 * MIB


def all_of(world: World, uid: str, *, start: int) -> tuple[PodPhase, list[bytes]]:
    """How the pod ended, and its output from `start` on as a follower gets it."""
    parts: list[bytes] = []
    while True:
        status = world.cluster.watch_pod(NAMESPACE, "api-release-1", uid, log_offset=start + sum(map(len, parts)), seconds=8)
        parts.append(status.log)
        if status.phase is not PodPhase.RUNNING and status.phase is not PodPhase.GATED:
            return status.phase, parts


def test_one_offs_that_have_ended_are_deleted_and_those_that_run_are_not(world: World) -> None:
    _, uid = one_off(world, ["sleep", "0.5"])
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)
    world.cluster.delete_ended_pods(NAMESPACE, SERVICE_ID, turn=1)
    assert watch_once(world, uid)[0] is PodPhase.RUNNING
    wait_for(world, uid)

    world.cluster.delete_ended_pods(NAMESPACE, SERVICE_ID, turn=0)
    world.cluster.delete_ended_pods(NAMESPACE, "another-service", turn=1)
    assert watch_once(world, uid)[0] is PodPhase.SUCCEEDED

    for _ in range(2):
        world.cluster.delete_ended_pods(NAMESPACE, SERVICE_ID, turn=1)
        eventually(lambda: watch_once(world, uid)[0] is PodPhase.GONE, within=world.patience)


def test_a_one_off_that_came_too_late_to_be_lifted_is_deleted_with_those_that_have_ended(world: World) -> None:
    _, uid = one_off(world, ["true"])
    world.cluster.delete_ended_pods(NAMESPACE, SERVICE_ID, turn=0)
    assert watch_once(world, uid)[0] is PodPhase.GATED
    world.cluster.delete_ended_pods(NAMESPACE, SERVICE_ID, turn=1)
    eventually(lambda: watch_once(world, uid)[0] is PodPhase.GONE, within=world.patience)


def test_deleting_ended_pods_leaves_the_replicas(world: World) -> None:
    world.roll_out(1)
    world.cluster.delete_ended_pods(NAMESPACE, SERVICE_ID, turn=1)
    assert world.watch().settled


def test_a_pod_of_another_uid_is_gone_and_its_gate_is_not_lifted(world: World) -> None:
    _, uid = one_off(world, ["true"])

    world.cluster.lift_gate(NAMESPACE, "api-release-1", "another-uid")

    assert watch_once(world, "another-uid")[0] is PodPhase.GONE
    assert watch_once(world, uid)[0] is PodPhase.GATED


def test_a_one_off_goes_with_its_anchor(world: World) -> None:
    owner, uid = one_off(world, ["sleep", "60"])
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)
    eventually(world.processes, within=world.patience)

    world.cluster.delete_anchor(owner)

    eventually(lambda: watch_once(world, uid)[0] is PodPhase.GONE, within=world.patience)
    eventually(lambda: not world.processes(), within=world.patience)


def one_off(world: World, command: list[str], *, env: dict[str, str] | None = None) -> tuple[Anchor, str]:
    owner = world.apply([pull_secret(), config_map("release-config", command)], 1)
    return owner, world.start_gated(pod(env=env), owner, 1)


def wait_for(world: World, uid: str) -> tuple[PodPhase, int | None, bytes]:
    eventually(lambda: watch_once(world, uid)[0] in {PodPhase.SUCCEEDED, PodPhase.FAILED}, within=world.patience)
    return watch_once(world, uid)


def watch_once(world: World, uid: str, *, seconds: float = 0.1) -> tuple[PodPhase, int | None, bytes]:
    status = world.cluster.watch_pod(NAMESPACE, "api-release-1", uid, log_offset=0, seconds=seconds)
    return status.phase, status.exit_code, status.log
