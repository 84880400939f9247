"""Random stories with random faults over virtual time: whatever happened, every run ends in the one right state, by itself.

`make simulate` plays many more seeds; a seed that fails plays the same way again.
"""

from __future__ import annotations

import os
import random
from datetime import timedelta

import pytest

from chalicelib.domain.errors import Conflict
from chalicelib.domain.runs import RunKind
from tests.simulation.faults import Faults, Odds
from tests.simulation.invariants import Watch, assert_settled
from tests.simulation.world import API, FILES, Death, World

SEEDS = int(os.environ.get("ANCLA_SIMULATION_SEEDS", "40"))
ACTIONS = 14
ODDS = {
    "nothing goes wrong": Odds(),
    "workers die": Odds(death=0.02),
    "every message comes twice": Odds(double=1.0),
    "messages are lost or late": Odds(loss=0.2, late=0.3),
    "workers sleep": Odds(pause=0.01),
    "all at once": Odds(death=0.01, pause=0.004, loss=0.1, double=0.3, late=0.2),
}


@pytest.mark.parametrize("odds", ODDS.values(), ids=ODDS)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_run_ends_in_the_one_right_state(seed: int, odds: Odds) -> None:
    faults = Faults(seed, odds)
    world = World(seed, index_lag=seed % 3, wrap=faults.wrap)
    faults.attach(world)
    watch = Watch(world)
    world.after_step = watch.active_moves_forward
    chance = random.Random(seed * 7919 + 1)
    faults.armed = True
    for number in range(ACTIONS):
        _act(world, chance, number)
        world.advance(chance.choice((0.1, 1, 3, 10, 60)))
        watch.step()
    faults.armed = False
    world.settle(timedelta(hours=5))
    world.advance(900)
    watch.step()
    assert_settled(world)


def _act(world: World, chance: random.Random, number: int) -> None:
    """One thing that a person or a webhook does. What dies under it may or may not have been accepted."""
    kind = chance.choices(
        ("deploy", "push", "unhealthy", "broken", "config", "scale", "rollback", "unpin", "release", "teardown"),
        (5, 4, 2, 1, 3, 2, 2, 1, 2, 0.4),
    )[0]
    try:
        _ACTIONS[kind](world, chance, number)
    except Death:
        pass
    except Conflict as conflict:
        assert conflict.code == "service_closing"


def _deploy(world: World, chance: random.Random, number: int) -> None:
    world.push({**FILES, "VERSION": str(number)})
    world.accept()


def _push(world: World, chance: random.Random, number: int) -> None:
    world.accept_push(world.push({**FILES, "VERSION": str(number)}))


def _unhealthy(world: World, chance: random.Random, number: int) -> None:
    commit = world.push({**FILES, "VERSION": str(number)})
    chosen = chance.choice((world.engines.cluster.unhealthy, world.engines.cluster.crashing))
    chosen.add(world.digest_of_commit(commit))
    world.accept()


def _broken(world: World, chance: random.Random, number: int) -> None:
    world.engines.builder.broken.add(world.push({**FILES, "VERSION": str(number)}))
    world.accept()


def _config(world: World, chance: random.Random, number: int) -> None:
    if chance.random() < 0.5:
        world.set_variable("GREETING", f"hello {number}")
    else:
        world.set_secret("TOKEN", f"hush {number}")
    world.accept(RunKind.CONFIG_ONLY)


def _scale(world: World, chance: random.Random, number: int) -> None:
    world.put_service(process_counts={"web": chance.randrange(4), "worker": chance.randrange(3)})
    world.accept(RunKind.SCALE)


def _rollback(world: World, chance: random.Random, number: int) -> None:
    lane = world.lane()
    if lane.previous is not None:
        world.accept(RunKind.ROLLBACK, snapshot=lane.previous.snapshot, rollback_to=lane.previous.deploy)


def _unpin(world: World, chance: random.Random, number: int) -> None:
    world.unpin()


def _release(world: World, chance: random.Random, number: int) -> None:
    world.engines.cluster.release_takes = timedelta(seconds=chance.choice((0, 5)))
    world.push({"Procfile": FILES["Procfile"] + "release: python migrate.py\n", "VERSION": str(number)})
    world.accept()


def _teardown(world: World, chance: random.Random, number: int) -> None:
    """Deletes the service; once it is gone, one of the same name is made."""
    world.accept(RunKind.TEARDOWN)
    world.advance(400)
    if world.find_service(API) is None:
        world.make_again()


_ACTIONS = {
    "deploy": _deploy,
    "push": _push,
    "unhealthy": _unhealthy,
    "broken": _broken,
    "config": _config,
    "scale": _scale,
    "rollback": _rollback,
    "unpin": _unpin,
    "release": _release,
    "teardown": _teardown,
}
