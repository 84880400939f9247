"""A snapshot: image, process types, resolved config and health settings, frozen and named by the hash of its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.domain.addresses import Level
from chalicelib.domain.builds import Image
from chalicelib.domain.config import Resolved
from chalicelib.domain.keep import Keep
from chalicelib.domain.procfile import RELEASE


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenVariable:
    """One resolved run-time variable: a plain value, or for a secret which version of which scope's entry it is."""

    value: str = ""
    secret: bool = False
    scope_id: str = ""
    vault_version: int = 0
    owner: str
    level: Level


def frozen(entry: Resolved, value: str) -> FrozenVariable:
    """What a snapshot keeps of a resolved variable; `value` is a plain one's, and ignored for a secret."""
    if entry.variable.secret:
        return FrozenVariable(
            secret=True, scope_id=entry.scope_id, vault_version=entry.variable.vault_version, owner=entry.owner, level=entry.level
        )
    return FrozenVariable(value=value, owner=entry.owner, level=entry.level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that decides what runs, but for process counts. Holds no secret's value, only which one it is."""

    image: Image
    build: int
    commit: str
    config: Mapping[str, FrozenVariable] = field(default_factory=dict)
    health_check_path: str
    deployment_timeout: int

    @property
    def processes(self) -> dict[str, str]:
        """The process types that keep running: all of the image's but the release command."""
        return {name: command for name, command in self.image.processes.items() if name != RELEASE}

    @property
    def release_command(self) -> str:
        return self.image.processes.get(RELEASE, "")

    @property
    def plain(self) -> dict[str, str]:
        return {name: entry.value for name, entry in self.config.items() if not entry.secret}

    @property
    def secret_names(self) -> tuple[str, ...]:
        return tuple(name for name, entry in self.config.items() if entry.secret)

    def document(self) -> bytes:
        """Its canonical JSON form: equal snapshots have equal bytes."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def hash(self) -> str:
        """The SHA-256 of its document, in hex. Where it runs is not part of it: a promotion keeps the hash."""
        return hashlib.sha256(self.document()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRecord:
    """That a service has this snapshot; the document itself lies in the logs port under `document`."""

    service_id: str
    hash: str
    build: int
    repository: str = ""
    """Where its image lies; after a promotion that is another service's repository."""
    digest: str = ""
    secrets: int = 0
    """The version of the vault's entry that holds its secrets; 0: it has none."""
    keep: Keep = Keep.LIVE
    created: datetime
    version: int = 0

    @property
    def document(self) -> str:
        return snapshot_document(self.service_id, self.hash)


def snapshot_document(service_id: str, snapshot_hash: str) -> str:
    return f"services/{service_id}/snapshots/{snapshot_hash}"


def parse_document(document: bytes) -> Snapshot:
    """The snapshot whose `document()` these bytes are."""
    raw: dict[str, Any] = json.loads(document)
    raw["image"] = Image(**raw["image"])
    raw["config"] = {name: FrozenVariable(**{**entry, "level": Level(entry["level"])}) for name, entry in raw["config"].items()}
    return Snapshot(**raw)
