"""How soon a deploy is decided once the cluster has said what is wrong with its pods."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.kinds import collection
from chalicelib.manifests.names import SERVICE_LABEL
from tests.bench.figures import Figure
from tests.bench_engines.stage import ENDED_WITHIN, NAMESPACE, VARIABLE, WORKSPACE, Stage, moment
from tests.journeys.fleet import node_closed
from tests.journeys.ground import GROUND
from tests.journeys.repository import HUNGRY_SERVER

WITHIN = 10.0
LOOK_EVERY = 0.1
Pod = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A deploy that cannot work: of these files, or without any, of another value of a variable while the node takes no pods. `told` says
    of one pod whether the cluster has said so."""

    name: str
    code: str
    files: Mapping[str, str]
    told: Callable[[Pod], bool]


def has_ended_twice(pod: Pod) -> bool:
    return any(one["restartCount"] > 0 and "running" not in one["state"] for one in pod["status"].get("containerStatuses", ()))


def has_no_node(pod: Pod) -> bool:
    return any(one["type"] == "PodScheduled" and one.get("reason") == "Unschedulable" for one in pod["status"].get("conditions", ()))


TROUBLES = (
    Trouble("a process that ends again and again", "process_exited", {"server.py": "raise SystemExit(3)\n"}, has_ended_twice),
    Trouble("a process that takes too much memory", "out_of_memory", {"server.py": HUNGRY_SERVER}, has_ended_twice),
    Trouble("a pod that no node takes", "unschedulable", {}, has_no_node),
)


def measure_verdicts(stage: Stage) -> list[Figure]:
    """One deploy for each trouble, of a service that runs already. Raises RuntimeError where it ends in another way than it should."""
    return [Figure(name=f"{one.name}: told -> decided", measured=_seconds(stage, one), unit="s", goal=WITHIN) for one in TROUBLES]


def _seconds(stage: Stage, trouble: Trouble) -> float:
    """From the moment that the cluster's word can be read until the run's record says that it goes back."""
    slug = trouble.code.replace("_", "-")
    repository = stage.new_repository(slug)
    repository.commit_version("1")
    path = stage.ancla.make_service(f"{WORKSPACE}/verdicts/production/{slug}", repository)
    stage.deploy(path)
    assert GROUND.admin is not None
    api = Api(GROUND.admin)
    if trouble.files:
        repository.commit(trouble.files)
        told, run = _watched(stage, api, path, stage.ancla.deploy(path), trouble.told)
    else:  # a new commit could not be built
        stage.set_variable(path, VARIABLE, "another")
        with node_closed(api):
            told, run = _watched(stage, api, path, stage.ancla.deploy(path, {"config_only": True}), trouble.told)
    if run["outcome"] != "failed" or run["failure"]["code"] != trouble.code or told is None:
        raise RuntimeError(f"{trouble.name}: {run['outcome']}, {run['failure']}, told at {told}")
    decided = {each["stage"]: moment(each["since"]) for each in run["stages"]}["salvage"]
    return decided - told


def _watched(stage: Stage, api: Api, path: str, number: int, told: Callable[[Pod], bool]) -> tuple[float | None, Mapping[str, Any]]:
    """When the cluster's word could be read first, and the run when it was over."""
    selector = f"{SERVICE_LABEL}={stage.ancla.api('GET', path)['id']}"
    first, deadline = None, time.monotonic() + ENDED_WITHIN
    while not (run := stage.ancla.run(path, number))["outcome"]:
        if first is None and any(told(pod) for pod in api.get(collection("Pod", NAMESPACE), labelSelector=selector)["items"]):
            first = time.time()
        if time.monotonic() > deadline:
            raise RuntimeError(f"run {number} of {path} is still at {run['stage']}")
        time.sleep(LOOK_EVERY)
    return first, run
