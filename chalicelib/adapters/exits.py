"""Exit codes in words, the same for every cluster."""

from __future__ import annotations

import signal

FROM_SIGNALS = 128
NOT_EXECUTABLE = 126
NOT_FOUND = 127


def describe_exit(code: int) -> str:
    """`exited with code 3`, or which signal ended it."""
    if code <= FROM_SIGNALS:
        return f"exited with code {code}"
    try:
        return f"was ended by signal {code - FROM_SIGNALS} ({signal.Signals(code - FROM_SIGNALS).name})"
    except ValueError:
        return f"exited with code {code}"


def describe_end(code: int, *, was_ready: bool) -> str:
    """As `describe_exit`, for a process that should have gone on."""
    said = describe_exit(code) if was_ready else f"{describe_exit(code)} before it was ready"
    if code == NOT_FOUND:
        return f"{said}: the command was not found"
    return f"{said}: the command cannot be executed" if code == NOT_EXECUTABLE else said
