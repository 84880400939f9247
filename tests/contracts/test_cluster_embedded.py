"""What the embedded cluster tells beyond the port, and how it runs processes: with secrets, an image as a folder, and a free port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.fences import Anchor
from chalicelib.ports.cluster import PodEvidence, PodPhase, Rejected
from tests.contracts.cluster_samples import (
    DIGEST,
    NAMESPACE,
    SECRET_PATH,
    SERVICE_ID,
    config_map,
    deployment,
    fence,
    pod,
    pull_secret,
    web_set,
)
from tests.contracts.cluster_world import EmbeddedWorld, eventually
from tests.contracts.test_cluster_pods import MIB, all_of


@pytest.fixture
def world(running_cluster: EmbeddedWorld) -> Iterator[EmbeddedWorld]:
    yield running_cluster
    running_cluster.clear()


@pytest.mark.parametrize(
    ("env", "probe", "hint"),
    [
        ({"HEALTH": "500"}, "GET /healthz answered 500: boom: no database", ""),
        ({"HEALTH": "301"}, "GET /healthz answered 301, a redirect to /elsewhere", "a redirect is not taken for healthy"),
        ({"HEALTH": "hang"}, "GET /healthz did not answer within 0.2 s", "make /healthz answer faster"),
    ],
)
def test_a_health_check_that_fails_is_told(world: EmbeddedWorld, env: dict[str, str], probe: str, hint: str) -> None:
    owner = world.apply(web_set(env=env, probe_timeout=0.2), 1)

    assert world.watch(seconds=0.3).failure == ""
    eventually(lambda: evidence_of(world, owner).probe == probe)

    evidence = evidence_of(world, owner)
    assert evidence.hint.startswith(hint)
    assert evidence.state == "running, not ready"
    assert evidence.log_tail == ("serving version 1",)


def test_a_process_that_listens_elsewhere_is_told_to_listen_on_port(world: EmbeddedWorld) -> None:
    owner = world.apply(web_set(env={"LISTEN": "19387"}), 1)

    eventually(lambda: "it listens on port 19387, but must listen on the port in $PORT" in evidence_of(world, owner).hint)

    assert "nothing listens on port" in evidence_of(world, owner).probe


def test_an_image_without_a_digest_is_rejected(world: EmbeddedWorld) -> None:
    with pytest.raises(Rejected, match="repository@sha256:digest"):
        world.apply([deployment(digest=DIGEST[:20])], 1)


def test_a_gated_pod_runs_when_its_gate_is_lifted_and_only_once(world: EmbeddedWorld) -> None:
    count = world.home / "count"
    count.unlink(missing_ok=True)
    owner, uid = one_off(world, ["sh", "-c", f"echo migrated; echo x >> {count}"])
    assert watch_once(world, uid, seconds=0.4) == (PodPhase.GATED, None, b"")
    assert not count.exists()
    assert world.cluster.start_gated_pod(pod(), owner=owner, fence=fence(1)) == uid

    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)
    assert wait_for(world, uid) == (PodPhase.SUCCEEDED, 0, b"migrated\n")
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)
    world.kill_node()
    world.ensure_node()
    world.roll_out(2)  # the new node has looked at everything

    assert wait_for(world, uid) == (PodPhase.SUCCEEDED, 0, b"migrated\n")
    assert count.read_text() == "x\n"


def test_a_process_gets_its_variables_its_secrets_and_nothing_else(world: EmbeddedWorld) -> None:
    _, uid = one_off(world, ["env"], env={"GREETING": "cost: $$5, $(NOPE)", "PORT": "8000", "LANG": "de_DE"})

    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)

    lines = dict(line.split("=", 1) for line in wait_for(world, uid)[2].decode().splitlines())
    assert lines.pop("PORT") != "8000"
    assert lines.pop("HOME") == str(world.home / "pods" / uid / "home")
    assert lines.pop("PATH")
    assert lines == {
        "GREETING": "cost: $5, $(NOPE)",
        "LANG": "de_DE",
        "PYTHONUNBUFFERED": "1",
        "TOKEN": f"for {NAMESPACE}/api-prod-shop",
    }


def test_what_a_process_writes_into_its_folder_does_not_change_the_image(world: EmbeddedWorld) -> None:
    image = world.home / "image"
    before = {path.name: path.read_bytes() for path in image.iterdir()}
    _, uid = one_off(world, ["sh", "-c", "touch made && for f in *; do echo changed >> $f; done && ls"])

    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)

    phase, code, log = wait_for(world, uid)
    assert (phase, code) == (PodPhase.SUCCEEDED, 0)
    assert b"made" in log
    assert {path.name: path.read_bytes() for path in image.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": ["sh", "-c", "echo bye; kill -9 $$"]}, "was ended by signal 9 (SIGKILL) before it was ready"),
        ({"secret_paths": ["not/mine"]}, "exited with code 1 before it was ready"),
    ],
)
def test_a_process_that_is_ended_or_gets_no_secrets_fails_for_certain(world: EmbeddedWorld, options: dict[str, Any], message: str) -> None:
    world.apply(web_set(**options), 1)

    status = world.watch()

    assert (status.failure, message in status.message) == ("process_exited", True)


def test_a_follower_who_comes_too_late_for_what_was_cut_off_waits_for_the_end_and_gets_the_last_part(world: EmbeddedWorld) -> None:
    _, uid = one_off(world, ["sh", "-c", f"head -c {20 * MIB} /dev/zero; sleep 2; echo done"])
    world.cluster.lift_gate(NAMESPACE, "api-release-1", uid)
    eventually((world.home / "pods" / uid / "dropped").exists)

    assert all_of(world, uid, start=0) == (PodPhase.SUCCEEDED, [b"done\n"])


def evidence_of(world: EmbeddedWorld, owner: Anchor) -> PodEvidence:
    eventually(lambda: world.cluster.evidence(NAMESPACE, SERVICE_ID, owner))
    return world.cluster.evidence(NAMESPACE, SERVICE_ID, owner)[0]


def one_off(world: EmbeddedWorld, command: list[str], *, env: dict[str, str] | None = None) -> tuple[Anchor, str]:
    owner = world.apply([pull_secret(), config_map("release-config", command, secret_paths=[SECRET_PATH])], 1)
    return owner, world.start_gated(pod(env=env), owner, 1)


def wait_for(world: EmbeddedWorld, uid: str) -> tuple[PodPhase, int | None, bytes]:
    eventually(lambda: watch_once(world, uid)[0] in {PodPhase.SUCCEEDED, PodPhase.FAILED})
    return watch_once(world, uid)


def watch_once(world: EmbeddedWorld, uid: str, *, seconds: float = 0.1) -> tuple[PodPhase, int | None, bytes]:
    status = world.cluster.watch_pod(NAMESPACE, "api-release-1", uid, log_offset=0, seconds=seconds)
    return status.phase, status.exit_code, status.log
