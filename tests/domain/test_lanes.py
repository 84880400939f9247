"""The order of a service's runs: who starts, who waits, who ends because of whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.lanes import Held, Lane, admit, hand_on, held_back, holds_back, pin_after
from chalicelib.domain.runs import GIVES_WAY, Outcome, Request, Run, RunKind, Stage, Strength, Trigger
from tests.domain.records import SERVICE_ID, a_run, running

PUSH = Request(kind=RunKind.DEPLOY, trigger=Trigger.PUSH, by="github:maria", ref="c0" * 20)
HOLDS_ON = [stage for stage in Stage if stage not in GIVES_WAY and stage is not Stage.FINISHED]


def a_lane(
    intent: int = 7, *, holder: int = 0, waiting: dict[int, int] | None = None, pinned_by: int = 0, held: Held | None = None
) -> Lane:
    return Lane(service_id=SERVICE_ID, intent=intent, turn=3, running=holder, waiting=waiting or {}, pinned_by=pinned_by, held=held)


def kind_of(strength: Strength) -> RunKind:
    return {
        Strength.SCALE: RunKind.SCALE,
        Strength.CONFIG_ONLY: RunKind.CONFIG_ONLY,
        Strength.CODE: RunKind.DEPLOY,
        Strength.TEARDOWN: RunKind.TEARDOWN,
    }[strength]


@pytest.mark.parametrize("strength", list(Strength))
def test_on_a_free_lane_everything_starts_at_once_with_the_next_numbers(strength: Strength) -> None:
    admitted = admit(a_lane(), strength, None)
    assert (admitted.starts, admitted.displaced) == (True, ())
    assert (admitted.lane.intent, admitted.lane.turn, admitted.lane.running) == (8, 4, 8)


@pytest.mark.parametrize("stage", sorted(GIVES_WAY))
@pytest.mark.parametrize("newer", [Strength.CODE, Strength.TEARDOWN])
def test_a_run_that_still_builds_gives_way_to_its_own_strength_and_above(stage: Stage, newer: Strength) -> None:
    admitted = admit(a_lane(holder=7), newer, a_run(number=7, stage=stage))
    assert (admitted.starts, admitted.displaced, admitted.lane.running) == (True, (7,), 8)


@pytest.mark.parametrize("newer", [Strength.SCALE, Strength.CONFIG_ONLY])
def test_a_run_that_still_builds_does_not_give_way_to_a_weaker_one(newer: Strength) -> None:
    admitted = admit(a_lane(holder=7), newer, a_run(number=7, stage=Stage.BUILD))
    assert (admitted.starts, admitted.displaced, admitted.lane.waiting) == (False, (), {newer: 8})
    assert admitted.lane.running == 7


@pytest.mark.parametrize("stage", HOLDS_ON)
def test_a_run_that_may_have_moved_something_gives_way_to_nobody(stage: Stage) -> None:
    for newer in Strength:
        assert not admit(a_lane(holder=7), newer, a_run(number=7, stage=stage)).starts


@pytest.mark.parametrize("strength", [Strength.SCALE, Strength.CONFIG_ONLY, Strength.CODE])
def test_a_newer_request_replaces_the_waiting_one_of_its_own_strength_only(strength: Strength) -> None:
    waiting = {1: 4, 2: 5, 3: 6}
    admitted = admit(a_lane(7, holder=3, waiting=waiting), strength, a_run(number=3, stage=Stage.ROLL_OUT))
    assert admitted.displaced == (waiting[strength],)
    assert admitted.lane.waiting == {**waiting, strength: 8}


def test_a_teardown_closes_the_lane_and_ends_all_that_waits() -> None:
    lane = a_lane(7, holder=3, waiting={1: 4, 2: 5, 3: 6}, held=Held(number=2, request=PUSH))
    admitted = admit(lane, Strength.TEARDOWN, a_run(number=3, stage=Stage.ROLL_OUT))
    assert admitted.displaced == (4, 5, 6)
    assert (admitted.lane.closed, admitted.lane.held, admitted.lane.waiting) == (True, None, {4: 8})


def ended(kind: RunKind = RunKind.DEPLOY, *, number: int = 5, trigger: Trigger = Trigger.HAND) -> Run:
    return a_run(kind, number=number, trigger=trigger)


def waiting_run(strength: Strength, number: int) -> Run:
    return a_run(kind_of(strength), number=number)


def test_the_strongest_that_waits_gets_the_lane_next() -> None:
    waiting = [waiting_run(Strength.SCALE, 6), waiting_run(Strength.CONFIG_ONLY, 7), waiting_run(Strength.CODE, 8)]
    handed = hand_on(a_lane(8, holder=5, waiting={1: 6, 2: 7, 3: 8}), ended(), Outcome.SUCCEEDED, waiting, running(2))
    assert (handed.next, handed.lane.running, handed.lane.turn) == (8, 8, 4)
    assert handed.lane.waiting == {1: 6, 2: 7}


def test_the_lane_is_free_when_nobody_waits() -> None:
    handed = hand_on(a_lane(5, holder=5), ended(), Outcome.SUCCEEDED, [], running(2))
    assert (handed.next, handed.lane.running, handed.lane.turn) == (0, 0, 3)


def test_what_became_active_is_active_and_what_was_is_kept_to_go_back_to() -> None:
    lane = replace(a_lane(5, holder=5), active=running(1))
    handed = hand_on(lane, ended(), Outcome.SUCCEEDED, [], running(2))
    assert (handed.lane.active, handed.lane.previous) == (running(2), running(1))


def test_a_failed_run_leaves_what_is_active() -> None:
    lane = replace(a_lane(5, holder=5), active=running(1), previous=None)
    handed = hand_on(lane, ended(), Outcome.FAILED, [], None)
    assert (handed.lane.active, handed.lane.previous) == (running(1), None)


def test_new_counts_for_the_same_deploy_do_not_make_it_its_own_predecessor() -> None:
    lane = replace(a_lane(5, holder=5), active=running(2), previous=running(1))
    scaled = replace(running(2), counts={"web": 3})
    handed = hand_on(lane, ended(RunKind.SCALE), Outcome.SUCCEEDED, [], scaled)
    assert (handed.lane.active, handed.lane.previous) == (scaled, running(1))


def settle(kind: RunKind, outcome: Outcome, waiting: Run) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Included, superseded and next, when run 5 of this kind ends while `waiting` waits."""
    lane = a_lane(9, holder=5, waiting={int(waiting.strength): waiting.number})
    handed = hand_on(lane, ended(kind), outcome, [waiting], running(2) if outcome is Outcome.SUCCEEDED else None)
    return handed.included, handed.superseded, handed.next


@pytest.mark.parametrize("strength", [Strength.SCALE, Strength.CONFIG_ONLY])
@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.UNCHANGED])
def test_an_older_weaker_wish_is_included_in_what_became_active(strength: Strength, outcome: Outcome) -> None:
    assert settle(RunKind.DEPLOY, outcome, waiting_run(strength, 4)) == ((4,), (), 0)


@pytest.mark.parametrize("strength", [Strength.SCALE, Strength.CONFIG_ONLY])
def test_a_newer_wish_takes_its_turn(strength: Strength) -> None:
    assert settle(RunKind.DEPLOY, Outcome.SUCCEEDED, waiting_run(strength, 6)) == ((), (), 6)


@pytest.mark.parametrize("strength", [Strength.SCALE, Strength.CONFIG_ONLY])
def test_an_older_wish_takes_its_turn_when_the_stronger_run_fails(strength: Strength) -> None:
    assert settle(RunKind.DEPLOY, Outcome.FAILED, waiting_run(strength, 4)) == ((), (), 4)


def test_a_config_change_from_before_a_rollback_cannot_undo_it() -> None:
    assert settle(RunKind.ROLLBACK, Outcome.SUCCEEDED, waiting_run(Strength.CONFIG_ONLY, 4)) == ((), (4,), 0)
    assert settle(RunKind.ROLLBACK, Outcome.SUCCEEDED, waiting_run(Strength.SCALE, 4)) == ((4,), (), 0)


def test_after_a_promotion_an_older_config_change_takes_its_turn() -> None:
    assert settle(RunKind.PROMOTION, Outcome.SUCCEEDED, waiting_run(Strength.CONFIG_ONLY, 4)) == ((), (), 4)


def test_a_waiting_commit_is_never_included_in_a_config_change() -> None:
    assert settle(RunKind.CONFIG_ONLY, Outcome.SUCCEEDED, waiting_run(Strength.CODE, 4)) == ((), (), 4)


def test_a_pinned_lane_holds_pushes_back_and_nothing_else() -> None:
    pinned = a_lane(pinned_by=3)
    assert holds_back(pinned, PUSH)
    assert not holds_back(pinned, replace(PUSH, trigger=Trigger.HAND))
    assert not holds_back(a_lane(), PUSH)


def test_the_newest_push_is_the_one_that_is_held() -> None:
    first = held_back(a_lane(7, holder=5, waiting={2: 6}, pinned_by=3), PUSH)
    newer = replace(PUSH, ref="d0" * 20)
    lane = held_back(first, newer)
    assert lane.held == Held(number=9, request=newer)
    assert (lane.intent, lane.running, lane.waiting) == (9, 5, {2: 6})


def test_a_deploy_by_hand_unpins_when_it_becomes_active() -> None:
    lane, take = pin_after(a_lane(pinned_by=3), ended(), Outcome.SUCCEEDED)
    assert (lane.pinned_by, take) == (0, False)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.SUPERSEDED])
def test_a_deploy_by_hand_that_fails_leaves_the_pin(outcome: Outcome) -> None:
    assert pin_after(a_lane(pinned_by=3), ended(), outcome)[0].pinned_by == 3


@pytest.mark.parametrize("kind", [RunKind.ROLLBACK, RunKind.CONFIG_ONLY, RunKind.SCALE])
def test_what_brings_no_new_code_leaves_the_pin(kind: RunKind) -> None:
    assert pin_after(a_lane(pinned_by=3), ended(kind), Outcome.SUCCEEDED)[0].pinned_by == 3


def test_a_pin_that_is_newer_than_the_deploy_stays() -> None:
    assert pin_after(a_lane(pinned_by=6), ended(number=5), Outcome.SUCCEEDED)[0].pinned_by == 6


def test_a_push_that_was_held_before_the_deploy_is_dropped_with_the_pin_and_a_newer_one_is_taken() -> None:
    older, newer = Held(number=4, request=PUSH), Held(number=6, request=PUSH)
    lane, take = pin_after(a_lane(pinned_by=3, held=older), ended(number=5), Outcome.SUCCEEDED)
    assert (lane.held, take) == (None, False)
    lane, take = pin_after(a_lane(pinned_by=3, held=newer), ended(number=5), Outcome.SUCCEEDED)
    assert (lane.held, take) == (newer, True)


@pytest.mark.parametrize(("before", "take"), [(0, True), (2, False)])
def test_a_rollback_that_fails_leaves_the_pin_as_it_found_it(before: int, take: bool) -> None:
    rollback = ended(RunKind.ROLLBACK).noting(pinned_before=before)
    lane, taken = pin_after(a_lane(pinned_by=5, held=Held(number=6, request=PUSH)), rollback, Outcome.FAILED)
    assert (lane.pinned_by, taken) == (before, take)
