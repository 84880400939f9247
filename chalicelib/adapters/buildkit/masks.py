"""Keeps a build's secrets out of its log, whatever a step prints: each is painted over, byte for byte, so that offsets stay right."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence

SHORTEST = 6
"""Shorter lines are in too many words by chance, and too easily guessed from what would be missing."""
INK = b"*"


def secrets_in(content: Mapping[str, str], prefix: str) -> Sequence[bytes]:
    """What has to be painted over, longest first: each line of the values in a Secret's data (base64) whose key begins so."""
    values = [base64.b64decode(value) for key, value in content.items() if key.startswith(prefix)]
    lines = {line.strip() for value in values for line in value.splitlines()}
    return sorted((line for line in lines if len(line) >= SHORTEST), key=len, reverse=True)


def masked(log: bytes, secrets: Iterable[bytes]) -> bytes:
    for secret in secrets:
        log = log.replace(secret, INK * len(secret))
    return log


def whole_lines(log: bytes, offset: int) -> bytes:
    """What lies beyond `offset`, without a last line that is still being written: half a secret cannot be told from other text."""
    end = log.rfind(b"\n") + 1
    return log[offset:end] if end > offset else b""
