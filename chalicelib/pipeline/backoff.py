"""How long to wait before something is tried again."""

from __future__ import annotations

LONGEST = 600.0
_DOUBLINGS = 10


def backoff(first: float, attempts: int) -> float:
    """Seconds until the next try after `attempts` that failed: `first` after one, then doubling, at most ten minutes."""
    # What is tried again for weeks must not grow the number beyond what a float holds.
    return min(LONGEST, first * 2.0 ** min(attempts - 1, _DOUBLINGS))


def patience(first: float, waited: float) -> float:
    """Seconds until the next look at something that may take long: the longer it took, the less it is looked at."""
    return min(LONGEST, max(first, waited / 4))
