"""Random stories with random faults over virtual time: whatever happened, every run ends in the one right state, by itself.

`make simulate` plays many more seeds; a seed that fails plays the same way again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.simulation.faults import Faults, Odds
from tests.simulation.invariants import Heard, Watch
from tests.simulation.settled import assert_credentials_are_fresh, assert_settled
from tests.simulation.story import Story
from tests.simulation.world import World

SEEDS = int(os.environ.get("ANCLA_SIMULATION_SEEDS", "20"))
FIRST_SEED = int(os.environ.get("ANCLA_SIMULATION_FIRST_SEED", "0"))
ACTIONS = 20
ODDS = {
    "nothing goes wrong": Odds(),
    "workers die": Odds(death=0.02),
    "every message comes twice": Odds(double=1.0),
    "messages are lost or late": Odds(loss=0.2, late=0.3),
    "workers sleep": Odds(pause=0.01),
    "ports fail": Odds(failure=0.03),
    "engines are away": Odds(outage=0.5, pace=(1, 10, 60, 300, 900)),
    "all at once": Odds(death=0.01, pause=0.004, failure=0.01, loss=0.1, double=0.3, late=0.2, outage=0.2),
}


@pytest.fixture
def heard() -> Iterator[Heard]:
    """All that the program logs while a story plays."""
    program, handler = logging.getLogger("chalicelib"), Heard()
    program.addHandler(handler)
    program.setLevel(logging.DEBUG)
    yield handler
    program.setLevel(logging.NOTSET)
    program.removeHandler(handler)


@pytest.mark.parametrize("odds", ODDS.values(), ids=ODDS)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_every_run_ends_in_the_one_right_state(seed: int, odds: Odds, heard: Heard) -> None:
    faults = Faults(seed, odds)
    world = World(seed, index_lag=seed % 3, kept=2 + seed % 3, wrap=faults.wrap)
    faults.attach(world)
    story = Story(world, faults, seed * 7919 + 1)
    watch = Watch(story, heard)
    world.after_step = watch.after_message
    faults.armed = True
    for _ in range(ACTIONS):
        story.act()
        world.advance(story.chance.choice(odds.pace))
        watch.after_step()
    faults.end()
    world.settle(timedelta(hours=5))
    world.advance(1800)
    watch.after_step()
    assert_settled(story)
    world.rest(days=40)
    watch.after_step()
    assert_settled(story)
    assert_credentials_are_fresh(world)
