"""A release pod that is lost before it was let go: nothing of it ran, nobody can know that for sure, and it is not made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.adapters.embedded.node.objects import open_objects
from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.kinds import place
from chalicelib.manifests.names import PROCESS_LABEL, namespace_of
from tests.journeys.ground import GROUND
from tests.journeys.harness import Ancla, SteadyLoad
from tests.journeys.repository import Repository
from tests.journeys.strange_ancla import StrangeAncla
from tests.journeys.strange_ports import Hold
from tests.journeys.waiting import wait_for

pytestmark = pytest.mark.journey

NAMESPACE = namespace_of("acme")


def test_a_release_pod_that_is_lost_before_its_gate_is_lifted_fails_its_deploy_and_runs_nothing(tmp_path: Path) -> None:
    with StrangeAncla(tmp_path, holds=(Hold(service="web", run=2, call="cluster.lift_gate"),)) as ancla:
        repository = Repository(tmp_path / "repository")
        repository.commit_version("1")
        path = ancla.make_service("acme/shop/staging/web", repository)
        assert ancla.ended(path, ancla.deploy(path))["outcome"] == "succeeded"
        repository.commit_version("2", release="echo it ran")
        with SteadyLoad(ancla.place(path)) as load:
            run = ancla.deploy(path)
            wait_for(lambda: ancla.bedroom.asleep("web"), seconds=90, what="a worker to be about to lift the gate")
            assert lose_release_pods(ancla) == 1
            ancla.bedroom.wake("web")
            ended = ancla.ended(path, run)
        assert (ended["outcome"], ended["failure"]["code"]) == ("failed", "release_lost")
        told = ancla.api("GET", f"{path}/deploys/{ended['deploy_id']}/log")["log_text"]
        assert "it ran" not in told.replace("echo it ran", "")
        assert load.failures == []
        assert ancla.answer(path) == {"version": "1"}
        assert ancla.api("GET", path)["active_deploy"] == 1


def lose_release_pods(ancla: Ancla) -> int:
    """As with the node that they were on; how many there were."""
    if GROUND.admin is not None:
        api = Api(GROUND.admin)
        pods = api.get(place("Pod", NAMESPACE, "").rstrip("/"), labelSelector=f"{PROCESS_LABEL}=release")["items"]
        for pod in pods:
            api.delete(place("Pod", NAMESPACE, pod["metadata"]["name"]), {"gracePeriodSeconds": 0})
        return len(pods)
    with open_objects(ancla.home) as objects:
        held = [each for each in objects.labelled(NAMESPACE, PROCESS_LABEL, "release") if each.kind == "Pod"]
        for each in held:
            objects.delete(each.uid)
        return len(held)
