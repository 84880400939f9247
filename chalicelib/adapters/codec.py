"""How records are written down: the one place that knows their JSON form."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import Any

import msgspec

from chalicelib.adapters.rows import Entry, Row, RowKey
from chalicelib.domain.errors import Invalid
from chalicelib.domain.keys import RECORD_TYPES, index_entries, key_of

# Made while one thread imports this module: msgspec fills in what it knows of a type as it goes, and a second thread that meets the
# same type meanwhile reads what is not there yet, and the process dies.
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {record_type.__name__: msgspec.json.Decoder(record_type) for record_type in RECORD_TYPES}


def encode_row(record: Any, version: int) -> Row:
    """The row of `record`, to be stored as `version`. Raises TypeError for what has no JSON form: a Secret above all."""
    body = msgspec.to_builtins(record)
    # The version is the row's own: a body that named one too could contradict it.
    del body["version"]
    key = key_of(record)
    entries = {index: Entry(value, sort) for index, (value, sort) in index_entries(record).items()}
    return Row(RowKey(key.partition, key.sort), version, type(record).__name__, msgspec.json.encode(body).decode(), entries)


def decode_row(row: Row) -> Any:
    """The record that `row` holds, with the row's version."""
    record = _DECODERS[row.kind].decode(row.body)
    return replace(record, version=row.version)


def encode_cursor(*parts: str) -> str:
    """Where a page ended, as text that callers pass back and do not read."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def decode_cursor(cursor: str, parts: int) -> list[str]:
    """The parts that the cursor was made of. Raises Invalid for what was not made here."""
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        found = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=list[str])
    except (binascii.Error, UnicodeError, msgspec.DecodeError) as error:
        raise bad_cursor() from error
    if len(found) != parts:
        raise bad_cursor()
    return found


def bad_cursor() -> Invalid:
    return Invalid("the cursor is not one of this list", code="cursor_invalid", hint="send the cursor of the page before, or none to begin")
