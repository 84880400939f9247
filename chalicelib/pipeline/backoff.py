"""How long to wait before something is tried again."""

from __future__ import annotations

LONGEST = 600.0
SOON = 15.0
"""Seconds until a run goes on after a death; what it needed and comes back within a minute or so is not to take it longer."""
_DOUBLINGS = 10
_GROWN = 40
"""Tries after which the pauses grow no more."""


def backoff(first: float, attempts: int) -> float:
    """Seconds until the next try after `attempts` that failed: `first` after one, then doubling, at most ten minutes."""
    # What is tried again for weeks must not grow the number beyond what a float holds.
    return min(LONGEST, first * 2.0 ** min(attempts - 1, _DOUBLINGS))


def patience(first: float, waited: float) -> float:
    """Seconds until the next look at something that may take long: the longer it took, the less it is looked at."""
    return min(LONGEST, max(first, waited / 4))


def retry(attempts: int) -> float:
    """Seconds until a run's next try after `attempts` in a row that failed: doubling from one up to 15, later a quarter of the time that
    it has been failing, at most ten minutes. So it goes on soon after what it needed is back."""
    pause = waited = 0.0
    for attempt in range(1, min(attempts, _GROWN) + 1):
        pause = patience(min(SOON, backoff(1.0, attempt)), waited)
        waited += pause
    return pause
