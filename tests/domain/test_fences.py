"""Fences: a later holder beats an earlier one, and a revert its own roll-out."""

from __future__ import annotations

from chalicelib.domain.fences import Fence, Phase
from tests.domain.records import SERVICE_ID


def test_a_later_turn_beats_an_earlier_one_whatever_the_phase() -> None:
    assert Fence(SERVICE_ID, 1, Phase.REVERT).beaten_by(Fence(SERVICE_ID, 2))
    assert not Fence(SERVICE_ID, 2).beaten_by(Fence(SERVICE_ID, 1, Phase.REVERT))


def test_within_a_turn_the_revert_beats_the_roll_out() -> None:
    assert Fence(SERVICE_ID, 1).beaten_by(Fence(SERVICE_ID, 1, Phase.REVERT))
    assert not Fence(SERVICE_ID, 1, Phase.REVERT).beaten_by(Fence(SERVICE_ID, 1))


def test_a_fence_is_not_beaten_by_itself() -> None:
    assert not Fence(SERVICE_ID, 1).beaten_by(Fence(SERVICE_ID, 1))


def test_turns_compare_as_numbers() -> None:
    assert Fence(SERVICE_ID, 9).beaten_by(Fence(SERVICE_ID, 10))


def test_a_fence_reads_back_as_it_was_written() -> None:
    fence = Fence(SERVICE_ID, 12, Phase.REVERT)
    assert str(fence) == f"{SERVICE_ID}.12.2"
    assert Fence.parse(str(fence)) == fence
