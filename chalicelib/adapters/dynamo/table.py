"""The one table in DynamoDB."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.dynamo.model import Item, bound
from chalicelib.adapters.rows import (
    CheckRow,
    Found,
    RemoveRow,
    Row,
    RowChange,
    RowConflict,
    RowKey,
    WriteRow,
    entry_sort_name,
    entry_value_name,
)
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.keys import Index

TRIES = 5
FIRST_PAUSE = 0.05
"""Seconds; doubled from try to try. All pauses together stay below a second, so that a step can still end in its time."""

_CONDITION_FAILED = frozenset({"ConditionalCheckFailed", "ConditionalCheckFailedException"})
_CONTENDED = frozenset({"TransactionConflict", "TransactionConflictException", "TransactionInProgressException"})
_THROTTLED = frozenset(
    {
        "ThrottlingError",
        "ThrottlingException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
    }
)


class DynamoTable:
    """Nothing is connected until the first call. `host` is for a DynamoDB other than the region's own."""

    def __init__(self, name: str, *, region: str, host: str | None = None, pause: Callable[[float], None] = time.sleep) -> None:
        self._item = bound(name, region, host)
        self._pause = pause

    def get(self, keys: Sequence[RowKey]) -> Mapping[RowKey, Row]:
        try:
            # pynamodb asks again for the keys that a reply left out: it ends at 16 MB, or where a partition is busy.
            rows = [_row(item) for item in self._item.batch_get([tuple(key) for key in keys], consistent_read=True)]
        except PynamoDBException as error:
            raise _unavailable(error) from error
        return {row.key: row for row in rows}

    def query(self, partition: str, prefix: str, *, newest_first: bool, limit: int, after: str | None) -> list[Row]:
        start = None if after is None else _texts(partition=partition, sort=after)
        try:
            items = self._item.query(
                partition,
                self._item.sort.startswith(prefix) if prefix else None,
                consistent_read=True,
                scan_index_forward=not newest_first,
                limit=limit,
                last_evaluated_key=start,
            )
            return [_row(item) for item in items]
        except PynamoDBException as error:
            raise _unavailable(error) from error

    def find(self, index: Index, value: str, *, up_to: str | None, limit: int, after: Found | None) -> list[Found]:
        name, sort_name = entry_value_name(index), entry_sort_name(index)
        start = None
        if after is not None:
            start = _texts(partition=after.key.partition, sort=after.key.sort) | _texts(**{name: value, sort_name: after.entry_sort})
        try:
            items = self._item.query(
                value,
                None if up_to is None else getattr(self._item, sort_name) <= up_to,
                index_name=name,
                limit=limit,
                last_evaluated_key=start,
            )
            return [Found(getattr(item, sort_name), RowKey(item.partition, item.sort)) for item in items]
        except PynamoDBException as error:
            raise _unavailable(error) from error

    def commit(self, changes: Sequence[RowChange]) -> None:
        # The order in which pynamodb sends them, and so the order of the reasons for which DynamoDB refuses.
        ordered = sorted(changes, key=lambda change: (CheckRow, RemoveRow, WriteRow).index(type(change)))
        for attempt in range(1, TRIES + 1):
            try:
                self._write(ordered)
                return
            except PynamoDBException as error:
                self._settle(error, ordered, last=attempt == TRIES)
            # Jitter: those who met each other once do not meet again at the same moment.
            self._pause(FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))

    def _write(self, changes: Sequence[RowChange]) -> None:
        match changes:
            case [WriteRow() as change]:
                self._new_item(change.row).save(self._expects(change))
            case [RemoveRow() as change]:
                self._item(*change.key).delete(self._expects(change))
            case _:
                self._transact(changes)

    def _transact(self, changes: Sequence[RowChange]) -> None:
        # The item's own connection, which pynamodb does not show: a second client would add to every cold start. botocore gives the
        # call a token, so that one it repeats after a lost answer does not meet its own write.
        with TransactWrite(connection=self._item._get_connection().connection) as transaction:
            for change in changes:
                condition = self._expects(change)
                match change:
                    case WriteRow(row):
                        transaction.save(self._new_item(row), condition)
                    case RemoveRow(key):
                        transaction.delete(self._item(*key), condition)
                    case CheckRow(key):
                        transaction.condition_check(self._item, *key, condition)

    def _settle(self, error: PynamoDBException, changes: Sequence[RowChange], *, last: bool) -> None:
        """Returns when the commit is to be tried again, else raises what became of it."""
        reasons = _reasons(error, len(changes))
        refused = [change.key for change, reason in zip(changes, reasons, strict=True) if reason in _CONDITION_FAILED]
        if refused:
            raise RowConflict(refused) from error
        contended = [change.key for change, reason in zip(changes, reasons, strict=True) if reason in _CONTENDED]
        throttled = any(reason in _THROTTLED for reason in reasons)
        if not contended and not throttled:
            raise _unavailable(error) from error
        if last and throttled:
            raise _unavailable(error, code="store_throttled", hint="try again in a minute; the sweep goes on with what waits") from error
        if last:
            raise RowConflict(contended) from error

    def _expects(self, change: RowChange) -> Condition:
        if change.expected == 0:
            return self._item.partition.does_not_exist()
        return self._item.version == change.expected

    def _new_item(self, row: Row) -> Item:
        entries: dict[str, Any] = {}
        for index, entry in row.entries.items():
            entries |= {entry_value_name(index): entry.value, entry_sort_name(index): entry.sort}
        return self._item(*row.key, version=row.version, kind=row.kind, body=row.body, **entries)


def create_table(name: str, *, region: str, host: str | None = None) -> None:
    """Makes the table with its indexes, for tests and local AWS; in production it is in `.chalice/resources.json`."""
    bound(name, region, host).create_table(wait=True)


def _row(item: Item) -> Row:
    return Row(RowKey(item.partition, item.sort), int(item.version), item.kind, item.body)


def _texts(**values: str) -> dict[str, dict[str, str]]:
    """A key in DynamoDB's own form."""
    return {name: {"S": value} for name, value in values.items()}


def _reasons(error: PynamoDBException, count: int) -> list[str]:
    """Why each of `count` changes was refused; empty for those that were not."""
    if isinstance(error, TransactWriteError) and len(error.cancellation_reasons) == count:
        return [reason.code if reason else "" for reason in error.cancellation_reasons]
    return [error.cause_response_code or ""] * count


def _unavailable(error: PynamoDBException, *, code: str = "store_unavailable", hint: str = "try again in a moment") -> Unavailable:
    reason = error.cause_response_code or type(error.cause or error).__name__
    return Unavailable(f"the table did not answer ({reason})", code=code, hint=hint)
