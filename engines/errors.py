"""What can go wrong that the person at the keyboard can do something about."""

from __future__ import annotations


class Trouble(Exception):
    """Says what happened, to which thing, and in `hint` what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
