"""Service discovery on one machine: a table in SQLite, health looked at when somebody asks."""

from __future__ import annotations

import http.client
import json
import sqlite3
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from chalicelib.adapters.embedded.database import Database, Durability
from chalicelib.domain.fences import Fence, Fenced
from chalicelib.ports.catalog import Entry, Registration

CHECK_SECONDS = 2.0
CHECKS_AT_ONCE = 8

# A row stays when its entry goes: it keeps the fence, and `closed` is the tombstone.
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS service (
        service_id TEXT PRIMARY KEY, fence TEXT NOT NULL, closed INTEGER NOT NULL DEFAULT 0, entry TEXT
    )
"""
_FIND = "SELECT fence, closed FROM service WHERE service_id = ?"
_PUT = "INSERT OR REPLACE INTO service (service_id, fence, closed, entry) VALUES (?, ?, ?, ?)"
_LIST = "SELECT entry FROM service WHERE entry IS NOT NULL"


class EmbeddedCatalog:
    """`path` None: in memory, for tests."""

    def __init__(self, path: Path | None) -> None:
        self._database = Database(path, _SCHEMA, Durability.FULL)

    def register(self, entry: Entry, fence: Fence) -> None:
        with self._database.write() as connection:
            if _passed(connection, entry.service_id, fence):
                raise Fenced(f"service {entry.service_id} was taken down for good")
            connection.execute(_PUT, (entry.service_id, str(fence), False, json.dumps(asdict(entry))))

    def deregister(self, service_id: str, fence: Fence, *, for_good: bool = False) -> None:
        with self._database.write() as connection:
            closed = _passed(connection, service_id, fence)
            connection.execute(_PUT, (service_id, str(fence), closed or for_good, None))

    def list_registrations(self) -> list[Registration]:
        with self._database.read() as connection:
            rows = connection.execute(_LIST).fetchall()
        entries = sorted((_entry(text) for (text,) in rows), key=lambda entry: (entry.name, entry.service_id))
        with ThreadPoolExecutor(max_workers=CHECKS_AT_ONCE) as checks:
            passing = list(checks.map(_passes, entries))
        return [Registration(entry=entry, passing=passes) for entry, passes in zip(entries, passing, strict=True)]

    def close(self) -> None:
        self._database.close()


def _passed(connection: sqlite3.Connection, service_id: str, fence: Fence) -> bool:
    """Whether the service is closed for good. Raises Fenced where a later fence was here."""
    found = connection.execute(_FIND, (service_id,)).fetchone()
    if found is None:
        return False
    recorded, closed = found
    if fence.beaten_by(Fence.parse(recorded)):
        raise Fenced(f"{recorded} was here before {fence}")
    return bool(closed)


def _entry(text: str) -> Entry:
    raw = json.loads(text)
    return Entry(**{**raw, "tags": tuple(raw["tags"])})


def _passes(entry: Entry) -> bool:
    """Whether the service's health check answers 2xx now; one without a check is taken for healthy."""
    if not entry.check_url:
        return True
    url = urlsplit(entry.check_url)
    path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    connection = _connection(url, entry.check_host)
    try:
        connection.request("GET", path, headers={"Host": entry.check_host} if entry.check_host else {})
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _connection(url: SplitResult, name: str) -> http.client.HTTPConnection:
    if url.scheme == "https":
        return _Secured(url.hostname or "", url.port or 443, name)
    return http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=CHECK_SECONDS)


class _Secured(http.client.HTTPConnection):
    """HTTPS with an address, by the name that its certificate is for. That is not verified."""

    def __init__(self, address: str, port: int, name: str) -> None:
        super().__init__(address, port, timeout=CHECK_SECONDS)
        self._name = name or address

    def connect(self) -> None:
        super().connect()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock, server_hostname=self._name)
