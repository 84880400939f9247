"""A notifier in memory: what was announced, by key."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.domain.errors import Unavailable
from chalicelib.ports.notifier import Notice


@dataclass
class MemoryNotifier:
    notices: dict[str, Notice] = field(default_factory=dict)
    failures: int = 0
    """So many times it will be away."""

    def announce(self, notice: Notice) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the notifier is away")
        self.notices.setdefault(notice.key, notice)
