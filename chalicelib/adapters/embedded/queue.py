"""The queues in SQLite: in a file of their own, or in memory for tests.

A message is waiting (`visible_at` has come), hidden (it was sent with a delay, or is leased to a receiver) or dead. A receiver
that dies leaves it hidden until its lease runs out; it comes again then.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.adapters.embedded.database import Database, Durability
from chalicelib.ports.clock import Clock
from chalicelib.ports.queue import MAX_RECEIVES, VISIBILITY, Received, Work

POLL_SECONDS = 1.0
"""How often a receiver looks by itself. It need not for what this process sends: that wakes it."""

# Ids are never given twice (AUTOINCREMENT), so that an old receipt never meets another message.
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS message (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        work TEXT NOT NULL, body TEXT NOT NULL, visible_at REAL NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX IF NOT EXISTS message_due ON message (work, dead, visible_at)
"""
_DUE = "SELECT min(visible_at) FROM message WHERE work = ? AND dead = 0"
_SET_ASIDE = "UPDATE message SET dead = 1 WHERE work = ? AND dead = 0 AND visible_at <= ? AND receives >= ?"
_NEXT = """
    SELECT id, body, receives + 1 FROM message
    WHERE work = ? AND dead = 0 AND visible_at <= ? ORDER BY visible_at, id LIMIT 1
"""


class _Queue:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._changed = {work: threading.Condition() for work in Work}

    def send(self, work: Work, body: Mapping[str, Any], *, delay: float = 0) -> None:
        values = (work.value, json.dumps(body), self._now() + delay)
        with self._database.write() as connection:
            connection.execute("INSERT INTO message (work, body, visible_at) VALUES (?, ?, ?)", values)
        with self._changed[work]:
            self._changed[work].notify()

    def receive(self, work: Work, *, wait: float = 0) -> Received | None:
        deadline = time.monotonic() + wait
        changed = self._changed[work]
        # Looking and going to sleep are one under this lock: no message can come unnoticed in between.
        with changed:
            while True:
                taken, pause = self._take(work)
                if taken is not None:
                    # One more receiver looks: it takes what else is due, or learns when to wake up.
                    changed.notify()
                    return taken
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                changed.wait(min(left, pause))

    def acknowledge(self, work: Work, receipt: str) -> None:
        identity, _, receives = receipt.partition(".")
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM message WHERE id = ? AND work = ? AND receives = ? AND dead = 0", (identity, work.value, receives)
            )

    def dead_letters(self, work: Work) -> int:
        with self._database.read() as connection:
            found = connection.execute("SELECT count(*) FROM message WHERE work = ? AND dead = 1", (work.value,)).fetchone()
            return int(found[0])

    def release_leases(self) -> None:
        """Makes every message that was received and not acknowledged come again at once. Only for a process that knows that no
        receiver is left: it is the only consumer, and starts."""
        with self._database.write() as connection:
            now = self._now()
            connection.execute("UPDATE message SET visible_at = ? WHERE receives > 0 AND dead = 0 AND visible_at > ?", (now, now))
        for changed in self._changed.values():
            with changed:
                changed.notify_all()

    def close(self) -> None:
        self._database.close()

    def _take(self, work: Work) -> tuple[Received | None, float]:
        """The next message, leased; else None, and the seconds until it is worth looking again."""
        now = self._now()
        # Looking is a read: a receiver that finds nothing keeps no writer waiting.
        with self._database.read() as connection:
            (due,) = connection.execute(_DUE, (work.value,)).fetchone()
        if due is None or due > now:
            return None, POLL_SECONDS if due is None else min(POLL_SECONDS, due - now)
        with self._database.write() as connection:
            connection.execute(_SET_ASIDE, (work.value, now, MAX_RECEIVES))
            found = connection.execute(_NEXT, (work.value, now)).fetchone()
            if found is None:
                return None, 0.0
            identity, body, receives = found
            connection.execute("UPDATE message SET visible_at = ?, receives = ? WHERE id = ?", (now + VISIBILITY, receives, identity))
        return Received(json.loads(body), receives, f"{identity}.{receives}"), 0.0

    def _now(self) -> float:
        return self._clock.now().timestamp()


class SqliteQueue(_Queue):
    """In the file `path`. A commit does not wait for the disk: the sweep brings back whatever a power cut takes from here."""

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(Database(path, _SCHEMA, Durability.NORMAL), clock)


class MemoryQueue(_Queue):
    def __init__(self, clock: Clock) -> None:
        super().__init__(Database(None, _SCHEMA, Durability.NORMAL), clock)
