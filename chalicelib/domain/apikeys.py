"""The form of an API key: `ancla_` + 256 random bits + a checksum, so that a typing error is told from a revoked key."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib

PREFIX = "ancla_"
_FORM = re.compile(r"ancla_([a-z2-7]{52})([0-9a-f]{8})")


def format_key(random_bytes: bytes) -> str:
    """The key made of 32 random bytes."""
    body = base64.b32encode(random_bytes).decode().rstrip("=").lower()
    return f"{PREFIX}{body}{_checksum(body)}"


def is_well_formed(key: str) -> bool:
    match = _FORM.fullmatch(key)
    return match is not None and match[2] == _checksum(match[1])


def hash_of(key: str) -> str:
    """What is stored of a key. A plain hash suffices: 256 random bits cannot be guessed from it."""
    return hashlib.sha256(key.encode()).hexdigest()


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
