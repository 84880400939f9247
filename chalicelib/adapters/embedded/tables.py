"""The one table in SQLite: in a file, or in memory for tests and simulation."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from chalicelib.adapters.embedded.database import Database, Durability
from chalicelib.adapters.rows import CheckRow, Found, Row, RowChange, RowConflict, RowKey, WriteRow
from chalicelib.domain.keys import Index

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS record (
        partition TEXT NOT NULL, sort TEXT NOT NULL,
        version INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (partition, sort)
    );
    CREATE TABLE IF NOT EXISTS entry (
        name TEXT NOT NULL, value TEXT NOT NULL, entry_sort TEXT NOT NULL, partition TEXT NOT NULL, sort TEXT NOT NULL,
        PRIMARY KEY (name, value, entry_sort, partition, sort)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS entry_of ON entry (partition, sort)
"""
_LAST = "\U0010ffff"
"""Sorts behind all that a key holds."""


class _Table:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, keys: Sequence[RowKey]) -> Mapping[RowKey, Row]:
        # One statement, so that all rows are of one moment.
        values = ",".join(["(?,?)"] * len(keys))
        statement = f"""
            WITH wanted (partition, sort) AS (VALUES {values})
            SELECT partition, sort, version, kind, body FROM wanted CROSS JOIN record USING (partition, sort)"""
        with self._database.read() as connection:
            rows = [_row(found) for found in connection.execute(statement, [part for key in keys for part in key])]
        return {row.key: row for row in rows}

    def query(self, partition: str, prefix: str, *, newest_first: bool, limit: int, after: str | None) -> list[Row]:
        # The cursor is a bound of the range, not a filter on it: a late page costs no more than the first.
        lowest, highest, order = (">=", prefix), ("<=", prefix + _LAST), "ASC"
        if newest_first:
            highest, order = ("<", after) if after else highest, "DESC"
        elif after:
            lowest = (">", after)
        statement = f"""
            SELECT partition, sort, version, kind, body FROM record
            WHERE partition = ? AND sort {lowest[0]} ? AND sort {highest[0]} ? ORDER BY sort {order} LIMIT ?"""
        values = (partition, lowest[1], highest[1], limit)
        with self._database.read() as connection:
            return [_row(found) for found in connection.execute(statement, values)]

    def find(self, index: Index, value: str, *, up_to: str | None, limit: int, after: Found | None) -> list[Found]:
        behind = (after.entry_sort, *after.key) if after else ("", "", "")
        statement = """
            SELECT entry_sort, partition, sort FROM entry
            WHERE name = ? AND value = ? AND entry_sort <= ? AND (entry_sort, partition, sort) > (?, ?, ?)
            ORDER BY entry_sort, partition, sort LIMIT ?"""
        values = (index.value, value, _LAST if up_to is None else up_to, *behind, limit)
        with self._database.read() as connection:
            return [Found(entry_sort, RowKey(*key)) for entry_sort, *key in connection.execute(statement, values)]

    def commit(self, changes: Sequence[RowChange]) -> None:
        with self._database.write() as connection:
            conflicts = [change.key for change in changes if _stored_version(connection, change.key) != change.expected]
            if conflicts:
                raise RowConflict(conflicts)
            for change in changes:
                _write(connection, change)
            self._index(connection, changes)

    def close(self) -> None:
        self._database.close()

    def _index(self, connection: sqlite3.Connection, changes: Sequence[RowChange]) -> None:
        _write_entries(connection, changes)


class SqliteTable(_Table):
    """In the file `path`. A commit waits for the disk: what Ancla has accepted is still there after a power cut, and everything
    else (queue, sweep) is brought back from these records."""

    def __init__(self, path: Path) -> None:
        super().__init__(Database(path, _SCHEMA, Durability.FULL))


class MemoryTable(_Table):
    """In memory. `find` answers as the table was `index_lag` commits ago, as an index that is brought up to date later would."""

    def __init__(self, *, index_lag: int = 0) -> None:
        super().__init__(Database(None, _SCHEMA, Durability.NORMAL))
        self.index_lag = index_lag
        self._unindexed: deque[Sequence[RowChange]] = deque()

    def find(self, index: Index, value: str, *, up_to: str | None, limit: int, after: Found | None) -> list[Found]:
        with self._database.write() as connection:
            self._catch_up(connection)
        return super().find(index, value, up_to=up_to, limit=limit, after=after)

    def _index(self, connection: sqlite3.Connection, changes: Sequence[RowChange]) -> None:
        self._unindexed.append(changes)
        self._catch_up(connection)

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        while len(self._unindexed) > self.index_lag:
            _write_entries(connection, self._unindexed.popleft())


def _row(found: Iterable[object]) -> Row:
    partition, sort, version, kind, body = found
    assert isinstance(version, int)
    return Row(RowKey(str(partition), str(sort)), version, str(kind), str(body))


def _stored_version(connection: sqlite3.Connection, key: RowKey) -> int:
    found = connection.execute("SELECT version FROM record WHERE partition = ? AND sort = ?", key).fetchone()
    return 0 if found is None else int(found[0])


def _write(connection: sqlite3.Connection, change: RowChange) -> None:
    if isinstance(change, CheckRow):
        return
    if isinstance(change, WriteRow):
        row = change.row
        connection.execute("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?)", (*row.key, row.version, row.kind, row.body))
    else:
        connection.execute("DELETE FROM record WHERE partition = ? AND sort = ?", change.key)


def _write_entries(connection: sqlite3.Connection, changes: Sequence[RowChange]) -> None:
    for change in changes:
        if isinstance(change, CheckRow):
            continue
        connection.execute("DELETE FROM entry WHERE partition = ? AND sort = ?", change.key)
        if isinstance(change, WriteRow):
            entries = [(index.value, *entry, *change.key) for index, entry in change.row.entries.items()]
            connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", entries)
