"""Seals bytes with the key of one machine: AES-256-GCM, each seal bound to the name of what it holds."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chalicelib.adapters.embedded.disk import storage, write_once
from chalicelib.domain.errors import Unavailable

KEY_BYTES = 32
_NONCE_BYTES = 12


class BrokenSeal(Exception):
    """The key is another one, or the bytes were changed, or were sealed under another name."""


class Seal:
    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, content: bytes, name: str) -> bytes:
        """`content` sealed under `name`."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, name.encode())

    def open(self, sealed: bytes, name: str) -> bytes:
        """What was sealed under that name. Raises BrokenSeal."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise BrokenSeal(f"the seal of {name!r} does not hold") from error


def new_key() -> bytes:
    return AESGCM.generate_key(bit_length=8 * KEY_BYTES)


def read_key(path: Path) -> bytes:
    """The key in the file. Raises Unavailable: vault_key_missing where it cannot be read, vault_key_wrong where it is no key."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise Unavailable(
            f"the key of the vault, {path}, cannot be read: {error.strerror}",
            code="vault_key_missing",
            hint="restore that file from a backup: without it nobody can open the secrets",
        ) from error
    try:
        key = bytes.fromhex(text.decode())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise wrong_key(path)
    return key


def make_key(path: Path) -> bytes:
    """The key in the file, made now unless it is there. It is on the disk before anything is sealed with it."""
    with storage(path.parent):
        if write_once(path, new_key().hex().encode(), mode=0o600):
            _sync(path)
            _sync(path.parent)
    return read_key(path)


def wrong_key(path: Path) -> Unavailable:
    return Unavailable(
        f"the key in {path} is not the one that this vault was sealed with",
        code="vault_key_wrong",
        hint="put the vault's own key file back from a backup",
    )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
