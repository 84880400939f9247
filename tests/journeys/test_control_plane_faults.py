"""Parts of Kubernetes that go away in the middle of a deploy and come back: it ends right by itself, and what ran runs on."""

from __future__ import annotations

import time

import pytest

from engines.site import Site
from tests.journeys.fleet import Fleet, away, deployed_without
from tests.journeys.ground import GROUND
from tests.journeys.harness import SteadyLoad

pytestmark = [
    pytest.mark.journey,
    pytest.mark.usefixtures("all_engines"),
    pytest.mark.skipif(not GROUND.real, reason="it is about the real engines: ANCLA_PROFILE=engines"),
]


@pytest.mark.parametrize(
    ("part", "stages"),
    [
        ("kubelet", ("watch_roll_out",)),
        ("scheduler", ("roll_out", "watch_roll_out")),
        ("controller-manager", ("roll_out", "watch_roll_out")),
        ("apiserver", ("watch_roll_out",)),
        ("apiserver", ("build", "watch_build")),
    ],
)
def test_a_part_that_is_away_for_a_while_delays_a_deploy_and_loses_no_request(
    fleet: Fleet, all_engines: Site, part: str, stages: tuple[str, ...]
) -> None:
    load = deployed_without(fleet, all_engines, part, stages)
    # These gaps are the cluster's own. A kubelet that was started again takes its pods for not ready until it has asked each. And what
    # routes requests comes back to an API server that was away only after a growing pause: up to then it knows no new pod.
    assert load.failures == [] or part in {"kubelet", "apiserver"}


def test_an_api_server_that_is_away_for_a_minute_stops_nothing_that_runs(fleet: Fleet, all_engines: Site) -> None:
    path, repository = fleet.service()
    repository.commit_version("2")
    with SteadyLoad(fleet.ancla.place(path)) as load, away(all_engines, "apiserver"):
        run = fleet.ancla.deploy(path)
        time.sleep(60)
        assert fleet.ancla.run(path, run)["outcome"] == ""
    assert load.failures == []
    fleet.good(path, run)
