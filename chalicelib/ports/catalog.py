"""Service discovery: Consul, or a table on one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.domain.fences import Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One service as others find it. Made by `manifests/catalog.py`."""

    service_id: str
    name: str
    address: str
    port: int
    tags: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    check_url: str = ""
    """A GET of it answers 2xx while the service is healthy; `check_host` goes along as the Host header, and over HTTPS as the name
    whose certificate is wanted, which is not verified: the service is asked after, not its authority. Empty: no check."""
    check_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    entry: Entry
    passing: bool


class Catalog(Protocol):
    def register(self, entry: Entry, fence: Fence) -> None:
        """Makes `entry` what is registered for its service. Raises Fenced when a later fence was here."""

    def deregister(self, service_id: str, fence: Fence, *, for_good: bool = False) -> None:
        """Removes the service's entry; `for_good` leaves a tombstone that no fence passes any more. Raises Fenced."""

    def list_registrations(self) -> list[Registration]: ...
