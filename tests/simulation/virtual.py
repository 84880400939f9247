"""Time, queue, table and logs of a simulated world: they obey the world, and remember what was ever written to them."""

from __future__ import annotations

import hashlib
import heapq
import json
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.adapters.embedded.logs import MemoryLogs
from chalicelib.adapters.embedded.tables import MemoryTable
from chalicelib.adapters.rows import RowChange, WriteRow
from chalicelib.ports.queue import VISIBILITY, Received, Work

START = datetime(2030, 1, 1, tzinfo=UTC)


class VirtualClock:
    """Time that is moved by the world; ids and keys from a seed."""

    def __init__(self, seed: int = 0) -> None:
        self.time = START
        self._random = random.Random(seed)

    def now(self) -> datetime:
        return self.time

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


@dataclass(order=True)
class Message:
    visible_at: datetime
    order: int
    work: Work = field(compare=False)
    body: Mapping[str, Any] = field(compare=False)
    receives: int = field(compare=False, default=0)


@dataclass
class VirtualQueue:
    """At-least-once over virtual time; `mishap` may lose, double or delay what is sent."""

    clock: VirtualClock
    messages: list[Message] = field(default_factory=list)
    sent: int = 0
    mishap: Callable[[float], list[float]] = lambda delay: [delay]
    """From a message's delay, the delays of the copies that will come."""
    written: list[str] = field(default_factory=list)
    """The body of every message that was ever sent."""

    def send(self, work: Work, body: Mapping[str, Any], *, delay: float = 0) -> None:
        self.written.append(json.dumps(body))
        for late in self.mishap(delay):
            self.sent += 1
            heapq.heappush(self.messages, Message(self.clock.now() + timedelta(seconds=late), self.sent, work, body))

    def give_back(self, message: Message) -> None:
        """The message was received and not acknowledged: it comes again."""
        self.sent += 1
        again = self.clock.now() + timedelta(seconds=VISIBILITY)
        heapq.heappush(self.messages, Message(again, self.sent, message.work, message.body, message.receives + 1))

    def receive(self, work: Work, *, wait: float = 0) -> Received | None:
        raise NotImplementedError("the world delivers")

    def acknowledge(self, work: Work, receipt: str) -> None:
        raise NotImplementedError("the world delivers")

    def dead_letters(self, work: Work) -> int:
        return 0


class RecordingTable(MemoryTable):
    """Remembers the body of every record that was ever written."""

    def __init__(self, *, index_lag: int = 0) -> None:
        super().__init__(index_lag=index_lag)
        self.written: list[str] = []

    def commit(self, changes: Sequence[RowChange]) -> None:
        super().commit(changes)
        self.written += [change.row.body for change in changes if isinstance(change, WriteRow)]


class RecordingLogs(MemoryLogs):
    """Remembers what was ever written, and takes no snapshot but under the hash of its content."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def write(self, name: str, offset: int, data: bytes) -> int:
        if "/snapshots/" in name:
            assert offset == 0 and name.endswith(hashlib.sha256(data).hexdigest()), f"{name} is not what it holds"
        self.written.append(data.decode(errors="replace"))
        return super().write(name, offset, data)
