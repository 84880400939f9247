"""Rows: what a record is to a table. A table knows keys, versions and index entries, and nothing of what a body means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from chalicelib.domain.keys import Index


class RowKey(NamedTuple):
    partition: str
    sort: str


class Entry(NamedTuple):
    """Under what a row can be found in one index, and how it sorts there."""

    value: str
    sort: str


@dataclass(frozen=True, slots=True)
class Row:
    key: RowKey
    version: int
    kind: str
    body: str
    entries: Mapping[Index, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WriteRow:
    """Writes `row`, expecting that the stored version is one below the row's (a row of version 1: that there is none)."""

    row: Row

    @property
    def key(self) -> RowKey:
        return self.row.key

    @property
    def expected(self) -> int:
        return self.row.version - 1


@dataclass(frozen=True, slots=True)
class RemoveRow:
    key: RowKey
    expected: int


@dataclass(frozen=True, slots=True)
class CheckRow:
    """Expects a version (0: that there is none), writes nothing."""

    key: RowKey
    expected: int


RowChange = WriteRow | RemoveRow | CheckRow


class Found(NamedTuple):
    """One hit in an index: the entry's sort, and the row it leads to."""

    entry_sort: str
    key: RowKey


class RowConflict(Exception):
    """Nothing was written: at `keys` (as far as is known) the version was not the expected one."""

    def __init__(self, keys: Sequence[RowKey]) -> None:
        super().__init__("a version was not the expected one")
        self.keys = tuple(keys)


class Table(Protocol):
    """What `RecordStore` needs of a table; it hands over only what is within AWS's limits, and no key twice."""

    def get(self, keys: Sequence[RowKey]) -> Mapping[RowKey, Row]:
        """The rows that are there; consistent."""

    def query(self, partition: str, prefix: str, *, newest_first: bool, limit: int, after: str | None) -> list[Row]:
        """The first `limit` rows by sort behind the sort `after`; consistent. The rows' entries may be left out."""

    def find(self, index: Index, value: str, *, up_to: str | None, limit: int, after: Found | None) -> list[Found]:
        """The first `limit` hits by the entry's sort behind `after`. May be stale."""

    def commit(self, changes: Sequence[RowChange]) -> None:
        """All of `changes` or none. Raises RowConflict."""


def row_bytes(row: Row) -> int:
    """The size of the row as DynamoDB counts an item: names and values of all attributes, in UTF-8."""
    texts = [*row.key, row.kind, row.body, "partition", "sort", "version", "kind", "body"]
    for index, entry in row.entries.items():
        texts += [entry_value_name(index), entry_sort_name(index), *entry]
    digits = len(str(row.version))
    return sum(len(text.encode()) for text in texts) + digits // 2 + 2


def entry_value_name(index: Index) -> str:
    """The attribute that an index goes by."""
    return f"by_{index.value}"


def entry_sort_name(index: Index) -> str:
    return f"by_{index.value}_sort"
