"""Looks for a value in files and texts: as it is, in base64 and in hex, also inside of what is compressed."""

from __future__ import annotations

import base64
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

CHUNK = 4 * 1024 * 1024
GZIP = b"\x1f\x8b"


def forms_of(value: str) -> dict[str, bytes]:
    """The value's bytes in each of its forms. Base64 has three, by where among others the value begins; of each the part that does not
    depend on its neighbours."""
    raw = value.encode()
    forms = {"raw": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode()}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        cut = -4 if (offset + len(raw)) % 3 else len(encoded)
        forms[f"base64+{offset}"] = encoded[4 if offset else 0 : cut]
    return forms


def found_in_bytes(data: bytes, forms: Mapping[str, bytes]) -> set[str]:
    return {name for name, form in forms.items() if form in data}


def found_in_files(roots: Iterable[Path], forms: Mapping[str, bytes]) -> dict[str, set[str]]:
    """The files, or those below these folders, that hold the value, and in which forms. What goes away meanwhile holds nothing."""
    found: dict[str, set[str]] = {}
    for file in _files(roots):
        try:
            forms_there = _found_in_file(file, forms)
        except FileNotFoundError:
            continue
        if forms_there:
            found[str(file)] = forms_there
    return found


def _found_in_file(file: Path, forms: Mapping[str, bytes]) -> set[str]:
    found = _found_in_stream(_chunks(file), forms)
    with file.open("rb") as handle:
        compressed = handle.read(2) == GZIP
    return found | _found_in_stream(_unpacked(_chunks(file)), forms) if compressed else found


def _found_in_stream(chunks: Iterable[bytes], forms: Mapping[str, bytes]) -> set[str]:
    kept = max(map(len, forms.values())) - 1
    found: set[str] = set()
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        found |= found_in_bytes(data, forms)
        rest = data[-kept:]
    return found


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            yield chunk


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Up to where it is no gzip any more."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for chunk in chunks:
            yield unpacker.decompress(chunk)
    except zlib.error:
        return


def _files(roots: Iterable[Path]) -> Iterator[Path]:
    for root in roots:
        if root.is_file():
            yield root
        for folder, _, names in os.walk(root):
            paths = (Path(folder) / name for name in names)
            yield from (path for path in paths if path.is_file() and not path.is_symlink())
