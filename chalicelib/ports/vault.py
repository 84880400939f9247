"""Secrets at rest: versioned entries, and who may read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from chalicelib.domain.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The service account that a service's pods run as, and so log in to the vault with."""

    service_id: str
    namespace: str
    account: str


class VaultConflict(Exception):
    """`cas` was not the newest version: read again."""


class Vault(Protocol):
    """Paths are made by `manifests/vault.py`. An entry is a whole map of names to secrets, and has versions from 1 on."""

    def read(self, path: str, *, version: int = 0) -> Mapping[str, Secret] | None:
        """The entry at a version (0: the newest); None when there is none, or that version was destroyed."""

    def newest_version(self, path: str) -> int:
        """The number of the newest version, destroyed or not, and whether or not a commit made it count; 0 when there is none."""

    def write(self, path: str, values: Mapping[str, Secret], *, cas: int) -> int:
        """Writes a whole new version on top of version `cas` (0: create only) and returns its number. Raises VaultConflict."""

    def allow(self, workload: Workload, path_prefix: str) -> None:
        """From now on the workload may read below `path_prefix`, and nothing else. The same call again changes nothing."""

    def readable(self, workload: Workload, path: str) -> bool:
        """Whether the workload itself could read the entry now: its role, its policy and the path are right."""

    def destroy(self, path: str, version: int) -> None:
        """Removes the values of that one version for good. Its number is not given again, so who comes late with this call destroys
        nothing that was written since. A version that is not there, or is destroyed already, is no error."""

    def purge(self, path_prefix: str) -> None:
        """Removes all entries below the prefix, every version; nothing there is no error."""

    def disallow(self, service_id: str) -> None:
        """Removes what `allow` made for the service; nothing there is no error."""
