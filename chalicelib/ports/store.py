"""The one table: records read in batches, written all or nothing, never without naming the version that was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from chalicelib.domain.errors import StaleWrite
from chalicelib.domain.keys import Index, Key

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Put:
    """Writes `record`, expecting that its `version` is the stored one (0: that there is none). The stored one is then one higher."""

    record: Any


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes `record`, expecting that its `version` is the stored one."""

    record: Any


@dataclass(frozen=True, slots=True)
class Check:
    """Writes nothing, expects that the record at `key` has `version` (0: that there is none). Guards what was only read."""

    key: Key[Any]
    version: int


Change = Put | Delete | Check


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Some results in order, and where to go on (`None`: no more)."""

    items: tuple[R, ...]
    next: str | None = None


class StoreConflict(StaleWrite):
    """A version was not the expected one; nothing of the commit was written. `keys` says where, as far as is known."""

    def __init__(self, keys: Sequence[Key[Any]] = ()) -> None:
        super().__init__("the record was changed by somebody else in the meantime", hint="read it again and repeat the change")
        self.keys = tuple(keys)


class Store(Protocol):
    def get(self, keys: Sequence[Key[Any]]) -> list[Any]:
        """The records at `keys` in their order, None for what is not there: one round trip, consistent. At most 100 keys."""

    def query(
        self, partition: str, prefix: str = "", *, newest_first: bool = False, limit: int = 100, after: str | None = None
    ) -> Page[Any]:
        """The records of a partition whose sort begins with `prefix`, by sort; consistent. `after` is the `next` of a page before."""

    def find(self, index: Index, value: str, *, up_to: str | None = None, limit: int = 100, after: str | None = None) -> Page[Key[Any]]:
        """The keys found under `value`, by the index's sort (`up_to`: sorts not above it). May be stale: get before you decide."""

    def commit(self, changes: Sequence[Change]) -> None:
        """All of `changes` or none. Raises StoreConflict where a version is not the expected one, Invalid where AWS would refuse the
        size: 100 changes and 4 MB a commit, 400 KB a record, one change for each record."""


def get_one(store: Store, key: Key[R]) -> R | None:
    record: R | None = store.get([key])[0]
    return record


def all_of(store: Store, partition: str, prefix: str) -> list[Any]:
    """All records of a partition whose sort begins with `prefix`, over as many pages as it takes."""
    records: list[Any] = []
    after: str | None = None
    while True:
        page = store.query(partition, prefix, after=after)
        records.extend(page.items)
        if page.next is None:
            return records
        after = page.next
