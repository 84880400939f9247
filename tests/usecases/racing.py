"""A store in which somebody else is quicker, and which counts what is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.domain.keys import Index, Key
from chalicelib.ports import Ports
from chalicelib.ports.store import Change, Page, Store


@dataclass
class RacingStore:
    """Lets `rival` act right before the next commit, for as many commits as `times` says."""

    store: Store
    rival: Callable[[], object]
    times: int = 1
    reads: list[int] = field(default_factory=list)
    """How many keys each read asked for."""

    def get(self, keys: Sequence[Key[Any]]) -> list[Any]:
        self.reads.append(len(keys))
        return self.store.get(keys)

    def query(
        self, partition: str, prefix: str = "", *, newest_first: bool = False, limit: int = 100, after: str | None = None
    ) -> Page[Any]:
        return self.store.query(partition, prefix, newest_first=newest_first, limit=limit, after=after)

    def find(self, index: Index, value: str, *, up_to: str | None = None, limit: int = 100, after: str | None = None) -> Page[Key[Any]]:
        return self.store.find(index, value, up_to=up_to, limit=limit, after=after)

    def commit(self, changes: Sequence[Change]) -> None:
        if self.times:
            self.times -= 1
            self.rival()
        self.store.commit(changes)


def with_rival(ports: Ports, rival: Callable[[], object], *, times: int = 1) -> Ports:
    return replace(ports, store=RacingStore(ports.store, rival, times))
