"""The store: records of the domain over any table of rows. Codec, versions, cursors and AWS's limits are here, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from chalicelib.adapters import codec
from chalicelib.adapters.rows import CheckRow, Found, RemoveRow, Row, RowChange, RowConflict, RowKey, Table, WriteRow, row_bytes
from chalicelib.domain.errors import Invalid, TooLarge
from chalicelib.domain.keys import Index, Key, key_of
from chalicelib.ports.store import Change, Check, Delete, Page, Put, StoreConflict

MAX_KEYS = 100
MAX_CHANGES = 100
MAX_COMMIT_BYTES = 4 * 1024 * 1024
MAX_RECORD_BYTES = 400 * 1024
MAX_PARTITION_BYTES = 2048
MAX_SORT_BYTES = 1024

T = TypeVar("T")


class RecordStore:
    """The store port over `table`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, keys: Sequence[Key[Any]]) -> list[Any]:
        wanted = [_row_key(key) for key in keys]
        distinct = list(dict.fromkeys(wanted))
        if len(distinct) > MAX_KEYS:
            raise Invalid(
                f"{len(distinct)} records in one read are too many", code="read_too_large", hint=f"read at most {MAX_KEYS} at once"
            )
        for key in distinct:
            _check_key(key)
        rows = self._table.get(distinct) if distinct else {}
        return [_record_of(rows.get(key)) for key in wanted]

    def query(
        self, partition: str, prefix: str = "", *, newest_first: bool = False, limit: int = 100, after: str | None = None
    ) -> Page[Any]:
        behind = None if after is None else codec.decode_cursor(after, 1)[0]
        if behind is not None and not behind.startswith(prefix):
            raise codec.bad_cursor()
        rows = self._table.query(partition, prefix, newest_first=newest_first, limit=_one_more(limit), after=behind)
        page, more = rows[:limit], len(rows) > limit
        return Page(tuple(_record_of(row) for row in page), codec.encode_cursor(page[-1].key.sort) if more else None)

    def find(self, index: Index, value: str, *, up_to: str | None = None, limit: int = 100, after: str | None = None) -> Page[Key[Any]]:
        if not 0 < len(value.encode()) <= MAX_PARTITION_BYTES:
            return Page(())  # no entry can have such a value, and DynamoDB takes no question about it
        behind = None if after is None else _found_of(codec.decode_cursor(after, 3))
        if behind is not None and up_to is not None and behind.entry_sort > up_to:
            raise codec.bad_cursor()
        found = self._table.find(index, value, up_to=up_to, limit=_one_more(limit), after=behind)
        page, more = found[:limit], len(found) > limit
        keys: tuple[Key[Any], ...] = tuple(Key(hit.key.partition, hit.key.sort) for hit in page)
        return Page(keys, codec.encode_cursor(page[-1].entry_sort, *page[-1].key) if more else None)

    def commit(self, changes: Sequence[Change]) -> None:
        rows = [_row_change(change) for change in changes]
        _check_limits(rows)
        if not rows:
            return
        try:
            self._table.commit(rows)
        except RowConflict as conflict:
            raise StoreConflict([Key(*key) for key in conflict.keys]) from conflict


def _row_key(key: Key[Any]) -> RowKey:
    return RowKey(key.partition, key.sort)


def _record_of(row: Row | None) -> Any:
    return None if row is None else codec.decode_row(row)


def _row_change(change: Change) -> RowChange:
    match change:
        case Put(record):
            return WriteRow(codec.encode_row(record, record.version + 1))
        case Delete(record):
            return RemoveRow(_row_key(key_of(record)), record.version)
        case Check(key, version):
            return CheckRow(_row_key(key), version)


def _found_of(parts: Sequence[str]) -> Found:
    entry_sort, partition, sort = parts
    return Found(entry_sort, RowKey(partition, sort))


def _one_more(limit: int) -> int:
    """One row more than asked for tells whether there is a next page."""
    if limit < 1:
        raise Invalid(f"a page of {limit} records is none", code="limit_invalid", hint="ask for at least 1")
    return limit + 1


def _check_limits(changes: Sequence[RowChange]) -> None:
    if len(changes) > MAX_CHANGES:
        raise Invalid(f"{len(changes)} changes in one commit are too many", code="commit_too_large", hint=f"commit at most {MAX_CHANGES}")
    if len({change.key for change in changes}) < len(changes):
        raise Invalid("two changes of one commit are to the same record", code="commit_twice", hint="commit one change for each record")
    for change in changes:
        _check_key(change.key)
    sizes = [(change.key, row_bytes(change.row)) for change in changes if isinstance(change, WriteRow)]
    for key, size in sizes:
        if size > MAX_RECORD_BYTES:
            raise TooLarge(
                f"the record {_shown(key)} would have {size:,} bytes; {MAX_RECORD_BYTES:,} is the most",
                code="record_too_large",
                hint="keep large content in a log, and its name in the record",
            )
    total = sum(size for _, size in sizes)
    if total > MAX_COMMIT_BYTES:
        raise TooLarge(
            f"the commit would have {total:,} bytes; {MAX_COMMIT_BYTES:,} is the most", code="commit_too_large", hint="commit less at once"
        )


def _check_key(key: RowKey) -> None:
    for text, most in ((key.partition, MAX_PARTITION_BYTES), (key.sort, MAX_SORT_BYTES)):
        if not 0 < len(text.encode()) <= most:
            raise Invalid(f"{_shown(key)} cannot be a key", code="key_invalid", hint=f"use 1 to {most:,} bytes for this part")


def _shown(key: RowKey) -> str:
    return f"{key.partition} {key.sort}"[:120]
