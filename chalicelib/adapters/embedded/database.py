"""One SQLite database, shared by many threads: a pool of connections for a file, a single one behind a lock in memory."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from chalicelib.adapters.embedded.disk import refuse_on_lambda, storage
from chalicelib.domain.errors import Unavailable

BUSY_SECONDS = 10
WAL_PAUSE = 0.01

_FULL = ("storage_full", "the disk is full", "free some space on it; what was under way goes on by itself")
_READ_ONLY = ("storage_read_only", "it cannot be written", "give the user that runs Ancla write access to it; the rest goes by itself")
_DAMAGED = ("storage_corrupt", "its content is damaged", "stop Ancla and restore the file from a backup, or move it away to begin anew")
_UNREACHABLE = ("storage_unreachable", "it cannot be opened", "let the user that runs Ancla read and write it, and make files beside it")
_BUSY = ("storage_busy", "another process holds it", "try again; if that goes on, look for a second Ancla with the same ANCLA_HOME")
_FAILED = ("storage_failed", "the disk did not do what it was told", "check the disk and the system's log")
_TROUBLE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CANTOPEN: _UNREACHABLE,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_IOERR: _FAILED,
}


class Durability(StrEnum):
    """What a commit waits for. Both survive the death of the process."""

    FULL = "FULL"
    """The disk: a commit survives a power cut."""
    NORMAL = "NORMAL"
    """The operating system: a power cut may take back the last commits, and never tears one."""


class Database:
    """`path` None: in memory. Errors of the disk come out as Unavailable and name the path."""

    def __init__(self, path: Path | None, schema: str, durability: Durability) -> None:
        self._path = path
        self._durability = durability
        self._idle: list[sqlite3.Connection] = []
        # Python from 3.13 on warns of a connection that nobody closed. This, unlike __del__, comes first also where a cycle is collected.
        weakref.finalize(self, _close_all, self._idle)
        self._pool = threading.Lock()
        # Writers of this process queue up here in fair order: SQLite's own waiting for a lock polls, and starves some of many.
        self._writer = threading.Lock()
        self._in_memory = threading.Lock()
        if path is not None:
            refuse_on_lambda("store")
            with storage(path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.exists():
                    path.touch(mode=0o600)  # SQLite gives what it makes beside it the same mode
        with self.write() as connection:
            for statement in schema.split(";"):
                connection.execute(statement)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection for one SELECT, or several that need not agree."""
        with self._translated(), self._connection() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the write lock from its beginning; an exception inside takes it back."""
        with self._translated(), self._writer, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        with self._pool:
            _close_all(self._idle)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self._path is None:
            with self._in_memory, self._borrowed() as connection:
                yield connection
        else:
            with self._borrowed() as connection:
                yield connection

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        with self._pool:
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._open()
        try:
            yield connection
        finally:
            with self._pool:
                self._idle.append(connection)

    def _open(self) -> sqlite3.Connection:
        target = ":memory:" if self._path is None else self._path
        connection = sqlite3.connect(target, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            _use_wal(connection)
            connection.execute(f"PRAGMA synchronous={self._durability.value}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            # The low byte is the kind; the rest says where exactly SQLite met it. What is not of the disk is a mistake of ours.
            known = _TROUBLE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
            if known is None:
                raise
            code, problem, hint = known
            raise Unavailable(f"{self._path or 'the database in memory'}: {problem} ({error})", code=code, hint=hint) from error


def _use_wal(connection: sqlite3.Connection) -> None:
    """While another process takes a new file to WAL, SQLite does not wait for its lock as it does elsewhere: two that did would wait for
    each other."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(WAL_PAUSE)


def _close_all(connections: list[sqlite3.Connection]) -> None:
    while connections:
        connections.pop().close()
