"""A vault in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.secrets import Secret
from chalicelib.ports.vault import VaultConflict, Workload


@dataclass
class MemoryVault:
    entries: dict[str, list[dict[str, Secret] | None]] = field(default_factory=dict)
    allowed: dict[str, tuple[Workload, str]] = field(default_factory=dict)
    sealed: bool = False
    answers_lost: int = 0
    """So many destructions will be done without their caller hearing of it."""

    def read(self, path: str, *, version: int = 0) -> Mapping[str, Secret] | None:
        self._check()
        versions = self.entries.get(path, [])
        if not versions or version > len(versions):
            return None
        return versions[version - 1 if version else -1]

    def newest_version(self, path: str) -> int:
        self._check()
        return len(self.entries.get(path, []))

    def write(self, path: str, values: Mapping[str, Secret], *, cas: int) -> int:
        if self.newest_version(path) != cas:
            raise VaultConflict
        self.entries.setdefault(path, []).append(dict(values))
        return cas + 1

    def allow(self, workload: Workload, path_prefix: str) -> None:
        self._check()
        self.allowed[workload.service_id] = (workload, path_prefix)

    def readable(self, workload: Workload, path: str) -> bool:
        self._check()
        known, prefix = self.allowed.get(workload.service_id, (None, ""))
        return known == workload and path.startswith(prefix) and self.read(path) is not None

    def destroy(self, path: str, version: int) -> None:
        self._check()
        if 0 < version <= len(self.entries.get(path, [])):
            self.entries[path][version - 1] = None
        if self.answers_lost:
            self.answers_lost -= 1
            raise Unavailable("the vault's answer was lost")

    def purge(self, path_prefix: str) -> None:
        self._check()
        for path in [path for path in self.entries if path.startswith(path_prefix)]:
            del self.entries[path]

    def disallow(self, service_id: str) -> None:
        self._check()
        self.allowed.pop(service_id, None)

    def _check(self) -> None:
        if self.sealed:
            raise Unavailable("the vault is sealed", code="vault_sealed", hint="unseal it")
