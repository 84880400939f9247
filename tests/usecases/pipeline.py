"""A world whose pipeline runs: services with code behind them, and time that passes until all runs have ended."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain import keys
from chalicelib.domain.deploys import Deploy
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.keep import Keep
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Run
from chalicelib.pipeline import chores, machine
from chalicelib.pipeline.intents import Accepted
from chalicelib.ports.queue import Work
from chalicelib.ports.store import Change, Put, Store, all_of, get_one
from chalicelib.usecases.deploys import DeployWish, deploy
from chalicelib.usecases.service_fields import ServiceFields
from tests.world import World

REPOSITORY = "https://github.com/acme/api.git"
FILES = {"Procfile": "web: python server.py\n"}
FUNCTION_TIME = timedelta(seconds=12)


def with_code(world: World, name: str = "web", *, environment: str = "acme/shop/production", branch: str = "", **source: str) -> Service:
    """A service whose repository has a commit; `source` names another place for its code. `branch`: pushes to it deploy by themselves."""
    push(world)
    fields = ServiceFields(auto_deploy_branch=branch, **(source or {"repository": REPOSITORY}))  # type: ignore[arg-type]
    return world.make_service(name, environment=environment, fields=fields)


def push(world: World, files: Mapping[str, str] = FILES) -> str:
    """A new commit on the branch main."""
    return world.engines.source.push(REPOSITORY, "main", {**files, "n": str(len(world.engines.source.files))})


def deployed(world: World, service: Service) -> Run:
    """A new commit, deployed until the run has ended."""
    push(world)
    return ended(world, deploy(world.ports, service, DeployWish(), "ada"))


def ended(world: World, accepted: Accepted | None) -> Run:
    """The accepted run after all has settled."""
    assert accepted is not None and accepted.run is not None
    settle(world)
    return run_of(world, accepted.run.owner, accepted.run.number)


def settle(world: World) -> None:
    """Lets time pass, and messages be worked on, until nothing is left to do in the next half minute."""
    quiet, limit = 0, world.clock.now() + timedelta(hours=3)
    while quiet < 30:
        assert world.clock.now() < limit, "the pipeline does not come to rest"
        quiet = 0 if work_once(world) else quiet + 1
        world.clock.passes(seconds=1)


def work_once(world: World) -> bool:
    """Works on the messages that are due; whether there were any."""
    worked = False
    for work in Work:
        while (message := world.ports.queue.receive(work)) is not None:
            worked = True
            if "chore" in message.body:
                chores.look(world.ports, message.body)
            else:
                until = world.clock.now() + FUNCTION_TIME
                machine.look(world.ports, work, message.body, receive_count=message.receive_count, until=until)
            world.ports.queue.acknowledge(work, message.receipt)
            world.clock.passes(seconds=0.5)  # a watch of a real engine takes its time too
    return worked


def run_of(world: World, service_id: str, number: int) -> Run:
    run = get_one(world.ports.store, keys.run(service_id, number))
    assert run is not None
    return run


def runs_of(world: World, service: Service) -> list[Run]:
    runs: list[Run] = all_of(world.ports.store, *keys.runs(service.id))
    return runs


def lane_of(world: World, service: Service) -> Lane:
    lane = get_one(world.ports.store, keys.lane(service.id))
    assert lane is not None
    return lane


def deploy_of(world: World, service: Service, number: int) -> Deploy:
    record = get_one(world.ports.store, keys.deploy(service.id, number))
    assert record is not None
    return record


def expire_snapshot(world: World, service: Service, deploy: int) -> None:
    """The clean-up chooses the snapshot of this deploy for removal."""
    record = get_one(world.ports.store, keys.snapshot(service.id, deploy_of(world, service, deploy).snapshot))
    assert record is not None
    world.ports.store.commit([Put(replace(record, keep=Keep.EXPIRING))])


def break_roll_outs(world: World, commit: str) -> None:
    """The image of this commit never gets healthy."""
    world.engines.cluster.unhealthy.add("sha256:" + hashlib.sha256(commit.encode()).hexdigest())


class RacingStore:
    """A store in which somebody else does something right before a commit, once."""

    def __init__(self, store: Store, meanwhile: Callable[[], object]) -> None:
        self._store, self._meanwhile = store, [meanwhile]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, changes: Sequence[Change]) -> None:
        if self._meanwhile:
            self._meanwhile.pop()()
        self._store.commit(changes)
