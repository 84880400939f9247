"""Deploys and rollbacks while a client asks all along, through the ingress."""

from __future__ import annotations

from collections.abc import Callable

from tests.bench.figures import Figure
from tests.bench_engines.stage import SECRET, VARIABLE, WORKSPACE, Stage
from tests.journeys.harness import SteadyLoad

ADDRESS = f"{WORKSPACE}/load/production/web"
SHOWN = 3


def measure_load(stage: Stage, count: int, say: Callable[[str], None]) -> list[Figure]:
    """`count` times by turns: a deploy of another value, then a rollback to the one before. Raises RuntimeError where nothing was asked."""
    path = stage.make_service(ADDRESS)
    stage.set_variable(path, SECRET, "a-secret-of-the-measurement", secret=True)
    stage.set_variable(path, VARIABLE, "first")
    stage.deploy(path)
    stage.ancla.wait_until_serving(path)
    before = stage.active(path)
    with SteadyLoad(stage.ancla.place(path)) as client:
        for number in range(count):
            if number % 2 == 0:
                before = stage.active(path)
                stage.set_variable(path, VARIABLE, f"value-{number}")
                stage.timed_deploy(path)
            else:
                stage.timed_rollback(path, before)
            if (number + 1) % 10 == 0:
                say(f"{number + 1} of {count} deploys and rollbacks: {client.answered} requests answered, {len(client.failures)} failed")
    if not client.answered:
        raise RuntimeError("no request was answered at all")
    for failure in client.failures[:SHOWN]:
        say(f"failed: {failure}")
    title = f"{count} deploys and rollbacks under load"
    return [
        Figure(name=f"{title}: requests answered", measured=client.answered, unit=""),
        Figure(name=f"{title}: requests failed", measured=len(client.failures), unit="", goal=0),
        Figure(name=f"{title}: slowest request", measured=client.slowest, unit="s"),
    ]
