"""Vault, Consul, the registry, or BuildKit that go away in the middle of a deploy and come back: it ends right by itself, and what ran
runs on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.kinds import place
from chalicelib.manifests.names import namespace_of
from engines.commands import run
from engines.registry.settings import files
from engines.site import Site
from engines.vault.operator import as_operator
from tests.journeys.fleet import AWAY, Fleet, away, deployed_without, mend
from tests.journeys.ground import DOCKERFILE, GROUND
from tests.journeys.harness import SteadyLoad
from tests.journeys.waiting import wait_for

pytestmark = [
    pytest.mark.journey,
    pytest.mark.usefixtures("all_engines"),
    pytest.mark.skipif(not GROUND.real, reason="it is about the real engines: ANCLA_PROFILE=engines"),
]

SLOW_BUILD = "RUN sleep 8 && echo built\n"


@pytest.mark.parametrize(
    ("engine", "stages"),
    [
        ("consul", ("watch_roll_out", "register")),
        ("vault", ("resolve", "build", "watch_build")),
    ],
)
def test_an_engine_that_is_away_for_a_while_delays_a_deploy_and_loses_no_request(
    fleet: Fleet, all_engines: Site, engine: str, stages: tuple[str, ...]
) -> None:
    load = deployed_without(fleet, all_engines, engine, stages)
    assert load.failures == []


def test_a_registry_that_is_away_while_an_image_is_built_is_named_and_moves_nothing(fleet: Fleet, all_engines: Site) -> None:
    path, repository = fleet.service()
    repository.commit_version("2")
    with SteadyLoad(fleet.ancla.place(path)) as load:
        with away(all_engines, "registry"):
            run = fleet.ancla.deploy(path)
            time.sleep(AWAY)
        ended = fleet.ancla.ended(path, run, seconds=150)
        if ended["outcome"] != "succeeded":
            # The base image lies there too: the Dockerfile's line is what could not be built.
            assert ended["failure"]["code"] in {"base_image_unreachable", "registry_unavailable"}
            fleet.good(path, fleet.ancla.deploy(path))
    assert load.failures == []
    assert fleet.ancla.answer(path) == {"version": "2"}


@contextmanager
def registry_full(site: Site) -> Iterator[None]:
    """What the workspace's services push lies on a disk of its own, which has no room left."""
    folder = files(site).data / "docker/registry/v2/repositories/acme"
    run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder])
    try:
        with suppress(OSError):
            (folder / "ballast").write_bytes(bytes(1 << 20))
        yield
    finally:
        run(["umount", "--lazy", folder])


def test_a_registry_without_room_holds_a_deploy_up_and_moves_nothing(fleet: Fleet, all_engines: Site) -> None:
    path, repository = fleet.service()
    repository.commit_version("2")
    with SteadyLoad(fleet.ancla.place(path)) as load:
        with registry_full(all_engines):
            deploy = fleet.ancla.deploy(path)
            said = all_engines.log("registry")
            wait_for(lambda: "no space left on device" in said.read_text(), seconds=60, what="the registry to refuse what was built")
            time.sleep(5)
            seen = fleet.ancla.run(path, deploy)
            assert (seen["outcome"], seen["stage"] in {"build", "watch_build"}) == ("", True), seen
            assert fleet.ancla.answer(path) == {"version": "1"}
        fleet.good(path, deploy)
    assert load.failures == []
    assert fleet.ancla.answer(path) == {"version": "2"}


def test_a_sealed_vault_is_named_moves_nothing_and_holds_the_deploy_up_until_it_is_open(fleet: Fleet, all_engines: Site) -> None:
    path, _ = fleet.service()
    fleet.ancla.api("POST", f"{path}/config", {"name": "TOKEN", "value": "a-secret", "secret": True})
    as_operator(all_engines).call("PUT", "/v1/sys/seal")
    refused = fleet.ancla.ask("POST", f"{path}/config", {"name": "OTHER", "value": "x", "secret": True})
    assert (refused.status_code, refused.json()["code"]) == (503, "vault_sealed")
    with SteadyLoad(fleet.ancla.place(path)) as load:
        run = fleet.ancla.deploy(path)
        time.sleep(5)
        assert fleet.ancla.run(path, run)["stage"] in {"snapshot", "preflight"}
        mend(all_engines)
        fleet.good(path, run)
    assert load.failures == []
    assert fleet.ancla.answer(path) == {"version": "1", "TOKEN": "a-secret"}


def test_a_builder_that_dies_in_the_middle_of_a_build_builds_again(fleet: Fleet) -> None:
    path, repository = fleet.service()
    assert GROUND.admin is not None
    base = GROUND.files["Dockerfile"].split()[1]
    repository.commit({"Dockerfile": DOCKERFILE.format(base=base).replace("USER", f"{SLOW_BUILD}USER"), "VERSION": "2"})
    run = fleet.ancla.deploy(path)
    build = wait_for(lambda: fleet.ancla.run(path, run)["build_id"], what="the build to begin")
    log = f"{path}/builds/{build}/log"
    wait_for(lambda: "sleep 8" in fleet.ancla.api("GET", log)["log_text"], seconds=60, what="the slow step to begin")
    _lose_pods(Api(GROUND.admin), "buildkit")
    fleet.good(path, run)
    assert fleet.ancla.answer(path) == {"version": "2"}


def test_an_image_that_was_deleted_is_told_before_anything_moves(fleet: Fleet) -> None:
    path, repository = fleet.service()
    repository.commit_version("2")
    fleet.good(path, fleet.ancla.deploy(path))
    first = fleet.image(path, 1)
    fleet.ports().registry.remove_image(first.repository, first.digest, build=1)
    ended = fleet.ancla.ended(path, fleet.roll_to(path, 1))
    assert (ended["outcome"], ended["failure"]["code"]) == ("failed", "image_missing")
    assert fleet.ancla.answer(path) == {"version": "2"}


def test_a_release_pod_that_is_lost_is_told_and_not_run_again(fleet: Fleet) -> None:
    path, repository = fleet.service()
    repository.commit_version("2", release="echo begun; sleep 60")
    run = fleet.ancla.deploy(path)
    log = wait_for(lambda: fleet.ancla.run(path, run)["deploy_id"], seconds=60, what="the deploy to have a number")
    told: Callable[[], str] = lambda: fleet.ancla.api("GET", f"{path}/deploys/{log}/log")["log_text"]  # noqa: E731
    wait_for(lambda: "begun" in told(), seconds=60, what="the release command to begin")
    assert GROUND.admin is not None
    _lose_pods(Api(GROUND.admin), namespace_of("acme"), labels="ancla.dev/process=release")
    ended = fleet.ancla.ended(path, run)
    assert (ended["outcome"], ended["failure"]["code"]) == ("failed", "release_lost")
    assert told().count("begun") == 1
    assert fleet.ancla.answer(path) == {"version": "1"}


def _lose_pods(api: Api, namespace: str, *, labels: str = "") -> None:
    """As with the node that they were on."""
    for pod in api.get(place("Pod", namespace, "").rstrip("/"), labelSelector=labels)["items"]:
        api.delete(place("Pod", namespace, pod["metadata"]["name"]), {"gracePeriodSeconds": 0})
