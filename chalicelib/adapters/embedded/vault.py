"""The vault on one machine: versioned entries in SQLite, each sealed under its own path and version.

    $ANCLA_HOME/vault/vault.db    entries (sealed) and who may read below which prefix
    $ANCLA_HOME/vault/key         the key; the vault is worth nothing without it, and it nothing without the vault

Every version is kept until it is destroyed or its path is purged; a destroyed one leaves its number. Which ones count is known to the
records alone (a variable may point to a version that is hundreds of writes old), so a vault that dropped old ones by number could
drop one that counts; and here space is cheap.

Several processes use it at once (the server, and the node on behalf of pods); each call is one transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from chalicelib.adapters.embedded.database import Database, Durability
from chalicelib.adapters.embedded.disk import storage
from chalicelib.adapters.embedded.seal import BrokenSeal, Seal, make_key, new_key, read_key, wrong_key
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.secrets import Secret
from chalicelib.ports.vault import VaultConflict, Workload

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS entry (
        path TEXT NOT NULL, version INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (path, version)
    );
    CREATE TABLE IF NOT EXISTS rule (
        service_id TEXT PRIMARY KEY, namespace TEXT NOT NULL, account TEXT NOT NULL, prefix TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS proof (sealed BLOB NOT NULL)
"""
_PROOF = "proof"
"""What is sealed with the first use, so that a wrong key is noticed before anything is read or written with it."""
_READ = "SELECT version, sealed FROM entry WHERE path = ? AND (version = ? OR ? = 0) ORDER BY version DESC LIMIT 1"
_DESTROY = "UPDATE entry SET sealed = x'' WHERE path = ? AND version = ?"
_NEWEST = "SELECT coalesce(max(version), 0) FROM entry WHERE path = ?"
_PROVE = "INSERT INTO proof SELECT ? WHERE NOT EXISTS (SELECT 1 FROM proof)"
_ALLOW = "INSERT OR REPLACE INTO rule (service_id, namespace, account, prefix) VALUES (?, ?, ?, ?)"
_RULES = "SELECT service_id, prefix FROM rule WHERE namespace = ? AND account = ?"
_PURGE = "DELETE FROM entry WHERE path = ? OR substr(path, 1, length(?) + 1) = ? || '/'"


class VaultDenied(Exception):
    """The account may not read there."""


class EmbeddedVault:
    """`home` None: in memory, for tests; what it holds goes with it."""

    def __init__(self, home: Path | None) -> None:
        folder = None if home is None else home / "vault"
        if folder is not None:
            with storage(folder.parent):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = Database(None if folder is None else folder / "vault.db", _SCHEMA, Durability.FULL)
        self._seal = Seal(new_key()) if folder is None else _unlocked(self._database, folder / "key")

    def read(self, path: str, *, version: int = 0) -> Mapping[str, Secret] | None:
        with self._database.read() as connection:
            found = connection.execute(_READ, (path, version, version)).fetchone()
        return None if found is None or not found[1] else self._opened(path, *found)

    def newest_version(self, path: str) -> int:
        with self._database.read() as connection:
            return _newest(connection, path)

    def write(self, path: str, values: Mapping[str, Secret], *, cas: int) -> int:
        version = cas + 1
        content = json.dumps({name: secret.reveal() for name, secret in values.items()}).encode()
        sealed = self._seal.close(content, _name(path, version))
        with self._database.write() as connection:
            if _newest(connection, path) != cas:
                raise VaultConflict(f"{path!r} is not at version {cas}")
            connection.execute("INSERT INTO entry (path, version, sealed) VALUES (?, ?, ?)", (path, version, sealed))
        return version

    def allow(self, workload: Workload, path_prefix: str) -> None:
        with self._database.write() as connection:
            connection.execute(_ALLOW, (workload.service_id, workload.namespace, workload.account, _folder(path_prefix)))

    def readable(self, workload: Workload, path: str) -> bool:
        prefixes = self._rules(workload.namespace, workload.account)
        prefix = prefixes.get(workload.service_id)
        return prefix is not None and _below(path, prefix) and self.read(path) is not None

    def destroy(self, path: str, version: int) -> None:
        with self._database.write() as connection:
            connection.execute(_DESTROY, (path, version))

    def purge(self, path_prefix: str) -> None:
        prefix = _folder(path_prefix)
        with self._database.write() as connection:
            connection.execute(_PURGE, (prefix, prefix, prefix))

    def disallow(self, service_id: str) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM rule WHERE service_id = ?", (service_id,))

    def read_as(self, namespace: str, account: str, path: str) -> Mapping[str, Secret] | None:
        """The newest version of the entry, as a pod that runs as that account gets it; None when there is none. Raises
        VaultDenied where no rule lets the account read there."""
        prefixes = self._rules(namespace, account)
        if not any(_below(path, prefix) for prefix in prefixes.values()):
            raise VaultDenied(f"the account {account!r} of {namespace!r} may not read {path!r}")
        return self.read(path)

    def close(self) -> None:
        self._database.close()

    def _rules(self, namespace: str, account: str) -> dict[str, str]:
        """The prefixes that the account may read below, by the service that each was allowed for."""
        with self._database.read() as connection:
            return dict(connection.execute(_RULES, (namespace, account)).fetchall())

    def _opened(self, path: str, version: int, sealed: bytes) -> Mapping[str, Secret]:
        try:
            content = self._seal.open(sealed, _name(path, version))
        except BrokenSeal as error:
            raise Unavailable(
                f"version {version} of the vault entry {path!r} was changed outside of Ancla",
                code="vault_entry_damaged",
                hint="restore vault.db from a backup, or set the variables of that entry again",
            ) from error
        return {name: Secret(value) for name, value in json.loads(content).items()}


def _unlocked(database: Database, key_file: Path) -> Seal:
    """The seal of this vault. A key is made only for a vault that was never sealed: a new one for an old vault opens nothing."""
    with database.read() as connection:
        found = connection.execute("SELECT sealed FROM proof").fetchone()
    if found is None:
        seal = Seal(make_key(key_file))
        with database.write() as connection:
            # Another process may have been first; the key is the same then.
            connection.execute(_PROVE, (seal.close(b"", _PROOF),))
        return seal
    seal = Seal(read_key(key_file))
    try:
        seal.open(found[0], _PROOF)
    except BrokenSeal as error:
        raise wrong_key(key_file) from error
    return seal


def _newest(connection: sqlite3.Connection, path: str) -> int:
    newest: int = connection.execute(_NEWEST, (path,)).fetchone()[0]
    return newest


def _name(path: str, version: int) -> str:
    """What a version is sealed under: it cannot be put in the place of another one."""
    return f"{path}@{version}"


def _folder(prefix: str) -> str:
    """The prefix without a closing slash. Raises ValueError for one that would mean everything."""
    folder = prefix.rstrip("/")
    if not folder:
        raise ValueError("an empty prefix means the whole vault")
    return folder


def _below(path: str, prefix: str) -> bool:
    return path.startswith(f"{prefix}/")
