"""The death of an engine: what runs goes on running, and `up` brings back what is gone."""

from __future__ import annotations

import os
import signal

import pytest

from engines.engine import State
from engines.processes import read_record
from engines.rooms import define
from engines.site import Site
from engines.supervisor import look, up
from tests.engines.live.test_cluster import fetch
from tests.engines.live.workloads import Room, wait_until, web

KILLED = ("apiserver", "containerd", "controller-manager", "etcd", "ingress", "kube-proxy", "kubelet", "network-policy", "scheduler")


def state_of(name: str, site: Site) -> State:
    (row,) = [row for row in look(define(site), site) if row.name == name]
    return row.state


def lives_of(room: Room) -> list[tuple[str, int]]:
    """The running web pods, and how often each was started again."""
    pods = room.get_all("pods")
    return sorted((pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"]) for pod in pods)


@pytest.mark.parametrize("name", KILLED)
def test_an_engine_that_was_killed_is_brought_back_and_pods_live_on(room: Room, name: str) -> None:
    room.apply(*web("v1"))
    room.kubectl("rollout", "status", "deployment/web", "--timeout=50s")
    address = room.get("service", "web")["spec"]["clusterIP"]
    wait_until(lambda: " v1 " in fetch(f"http://{address}/"))
    before = lives_of(room)
    process = read_record(room.site.record(name))
    assert process is not None

    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: state_of(name, room.site) is State.DEAD)
    assert " v1 " in fetch(f"http://{address}/"), "the pods go on serving"

    said: list[str] = []
    up(define(room.site), room.site, said.append)
    assert [line.split()[1] for line in said if line.startswith("started")] == [name]
    assert state_of(name, room.site) is State.READY
    assert lives_of(room) == before
    room.apply(*web("v2"))
    room.kubectl("rollout", "status", "deployment/web", "--timeout=50s")
    wait_until(lambda: " v2 " in fetch(f"http://{address}/"))
