"""The fence: what every object outside carries, so that a write that comes late cannot undo a newer one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Phase(IntEnum):
    """Within one turn, a revert beats the roll-out that it takes back."""

    ROLL_OUT = 1
    REVERT = 2


@dataclass(frozen=True, slots=True, order=True)
class Fence:
    """Which holder of which service's lane wrote. Compared only between fences of one service."""

    service_id: str
    turn: int
    phase: Phase = Phase.ROLL_OUT

    def beaten_by(self, other: Fence) -> bool:
        return (self.turn, self.phase) < (other.turn, other.phase)

    def __str__(self) -> str:
        return f"{self.service_id}.{self.turn}.{int(self.phase)}"

    @classmethod
    def parse(cls, text: str) -> Fence:
        service_id, turn, phase = text.rsplit(".", 2)
        return cls(service_id, int(turn), Phase(int(phase)))


class Fenced(Exception):
    """A later holder of the lane has written there: this write came too late and changed nothing."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The object that owns all that one turn (or one revert) applied in the cluster."""

    namespace: str
    name: str
    uid: str
