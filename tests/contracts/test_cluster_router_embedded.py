"""What the embedded cluster's router promises to who asks a service."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.contracts.cluster_samples import HOST
from tests.contracts.cluster_world import EmbeddedWorld, eventually, user_processes


@pytest.fixture
def world(running_cluster: EmbeddedWorld) -> Iterator[EmbeddedWorld]:
    yield running_cluster
    running_cluster.ensure_node()
    running_cluster.clear()


def test_an_unknown_host_name_is_not_found(world: EmbeddedWorld) -> None:
    status, body = world.get(host="nobody.localhost")

    assert (status, body) == (404, "404: no service has the host name 'nobody.localhost'\n")


def test_a_host_name_is_found_with_a_port_and_in_capitals(world: EmbeddedWorld) -> None:
    world.roll_out(1)

    assert world.get(host=f"{HOST.upper()}:8701")[0] == 200


def test_a_service_without_a_ready_process_is_unavailable_for_now(world: EmbeddedWorld) -> None:
    world.roll_out(1)
    world.roll_out(2, replicas=0)

    status, _, headers = world.request("GET", "/")

    assert (status, headers["Retry-After"]) == (503, "2")


def test_a_request_that_comes_before_the_first_process_is_ready_waits_for_it(world: EmbeddedWorld) -> None:
    world.roll_out(1)
    world.roll_out(2, replicas=0)
    eventually(lambda: not user_processes(world.home))
    answers: list[int] = []
    client = threading.Thread(target=lambda: answers.append(world.get()[0]))
    client.start()

    world.roll_out(3, replicas=1)
    client.join()

    assert answers == [200]


def test_a_process_that_loses_its_health_gets_no_more_requests_until_it_is_well(world: EmbeddedWorld) -> None:
    sick = world.home / "sick"
    world.roll_out(1, env={"SICK_WHEN": str(sick)})

    sick.touch()
    eventually(lambda: world.watch(seconds=0).ready == 0)
    assert world.get()[0] == 503
    sick.unlink()

    eventually(lambda: world.get()[0] == 200)


def test_the_service_sees_who_asked_and_how(world: EmbeddedWorld) -> None:
    world.roll_out(1)

    headers = dict(line.split(": ", 1) for line in world.get("/headers")[1].splitlines())

    assert headers["Host"] == HOST
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "http"
    assert headers["X-Forwarded-Host"] == HOST


def test_a_large_body_passes_both_ways(world: EmbeddedWorld) -> None:
    world.roll_out(1)

    assert world.request("POST", "/", body=b"x" * 3_000_000)[:2] == (201, "got 3000000")
