"""The objects that are wanted, and what became of them: one SQLite file that stands in for Kubernetes' API server and etcd."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.domain.errors import Unavailable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  uid TEXT PRIMARY KEY, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, resource_version INTEGER NOT NULL,
  owner TEXT NOT NULL, fence TEXT NOT NULL, manifest TEXT NOT NULL, status TEXT NOT NULL, UNIQUE (kind, namespace, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS owners ON objects (owner);
"""
_FAMILY = """
uid IN (
  WITH RECURSIVE family (uid) AS (
    SELECT uid FROM objects WHERE kind = ? AND namespace = ? AND name = ?
    UNION SELECT objects.uid FROM objects JOIN family ON objects.owner = family.uid
  ) SELECT uid FROM family
)"""
_COLUMNS = "uid, kind, namespace, name, resource_version, owner, fence, manifest, status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    uid: str
    kind: str
    namespace: str
    name: str
    resource_version: int = 1
    owner: str = ""
    """The UID of the object that it vanishes with; empty: it stays until it is deleted."""
    fence: str = ""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> Mapping[str, str]:
        labels: Mapping[str, str] = self.manifest.get("metadata", {}).get("labels", {})
        return labels


class Objects:
    """One connection. Every write is conditional on the resource version that was read; False says that it was another one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen together or not at all, and nobody else writes meanwhile."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def surviving_power_loss(self) -> Iterator[None]:
        """What is committed inside is on the disk before the next line runs, whatever this connection does otherwise."""
        before = self._connection.execute("PRAGMA synchronous").fetchone()[0]
        self._connection.execute("PRAGMA synchronous = FULL")
        try:
            yield
        finally:
            self._connection.execute(f"PRAGMA synchronous = {int(before)}")

    def data_version(self) -> int:
        """A number that changes when another connection has committed."""
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        found = self._select("kind = ? AND namespace = ? AND name = ?", kind, namespace, name)
        return found[0] if found else None

    def find_uid(self, uid: str) -> Object | None:
        found = self._select("uid = ?", uid)
        return found[0] if found else None

    def all(self) -> list[Object]:
        return self._select("1 = 1")

    def in_namespace(self, namespace: str) -> list[Object]:
        return self._select("namespace = ?", namespace)

    def labelled(self, namespace: str, label: str, value: str) -> list[Object]:
        """The namespace's objects with this value of the label. SQLite itself looks it up, so that no other manifest is parsed here."""
        return self._select("namespace = ? AND json_extract(manifest, ?) = ?", namespace, f'$.metadata.labels."{label}"', value)

    def family(self, kind: str, namespace: str, name: str) -> list[Object]:
        """The object and all that vanishes with it, of one moment; empty when it is not there."""
        return self._select(_FAMILY, kind, namespace, name)

    def garbage(self) -> list[Object]:
        """The objects whose owner is not there (any more)."""
        return self._select("owner <> '' AND owner NOT IN (SELECT uid FROM objects)")

    def create(self, new: Object) -> bool:
        """Adds it; False when an object of that kind and name is there already."""
        cursor = self._connection.execute(f"INSERT OR IGNORE INTO objects ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", _row(new))
        return cursor.rowcount == 1

    def replace(self, changed: Object) -> bool:
        """Writes owner, fence and manifest of an object that was read, if nobody has since."""
        cursor = self._connection.execute(
            "UPDATE objects SET owner = ?, fence = ?, manifest = ?, resource_version = resource_version + 1"
            " WHERE uid = ? AND resource_version = ?",
            (changed.owner, changed.fence, json.dumps(changed.manifest), changed.uid, changed.resource_version),
        )
        return cursor.rowcount == 1

    def set_status(self, uid: str, status: Mapping[str, Any]) -> None:
        """Only the node writes a status, so it needs no condition; an object that is gone is left gone."""
        self._connection.execute("UPDATE objects SET status = ? WHERE uid = ?", (json.dumps(status), uid))

    def delete(self, uid: str) -> None:
        self._connection.execute("DELETE FROM objects WHERE uid = ?", (uid,))

    def _select(self, condition: str, *values: str) -> list[Object]:
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM objects WHERE {condition} ORDER BY namespace, kind, name", values)
        return [_object(row) for row in rows]


@contextmanager
def open_objects(home: Path, *, durable: bool = True) -> Iterator[Objects]:
    """A connection for the time of the block. Raises Unavailable when the file cannot be used."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        with closing(_connect(home / "cluster.db")) as connection:
            _prepare(connection, durable)
            yield Objects(connection)
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(
            f"the cluster's objects in {str(home / 'cluster.db')!r} cannot be used: {error}",
            code="cluster_unavailable",
            hint="see that the disk has space and that the folder belongs to the user that Ancla runs as",
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    # The file holds pull credentials, as Kubernetes' own store does, so it is for its owner only.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    return sqlite3.connect(path, timeout=5, isolation_level=None)


def _prepare(connection: sqlite3.Connection, durable: bool) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.executescript(_SCHEMA)


def _row(item: Object) -> tuple[str | int, ...]:
    return (
        item.uid,
        item.kind,
        item.namespace,
        item.name,
        item.resource_version,
        item.owner,
        item.fence,
        json.dumps(item.manifest),
        json.dumps(item.status),
    )


def _object(row: tuple[Any, ...]) -> Object:
    uid, kind, namespace, name, version, owner, fence, manifest, status = row
    return Object(
        uid=uid,
        kind=kind,
        namespace=namespace,
        name=name,
        resource_version=version,
        owner=owner,
        fence=fence,
        manifest=json.loads(manifest),
        status=json.loads(status),
    )
