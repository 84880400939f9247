"""A service catalog in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.domain.fences import Fence, Fenced
from chalicelib.ports.catalog import Entry, Registration


@dataclass
class MemoryCatalog:
    entries: dict[str, Entry] = field(default_factory=dict)
    fences: dict[str, Fence] = field(default_factory=dict)
    tombstones: set[str] = field(default_factory=set)

    def register(self, entry: Entry, fence: Fence) -> None:
        self._pass(entry.service_id, fence)
        self.entries[entry.service_id] = entry

    def deregister(self, service_id: str, fence: Fence, *, for_good: bool = False) -> None:
        if for_good:
            self.tombstones.add(service_id)
        else:
            self._pass(service_id, fence)
        self.entries.pop(service_id, None)

    def list_registrations(self) -> list[Registration]:
        return [Registration(entry=entry, passing=True) for entry in self.entries.values()]

    def _pass(self, service_id: str, fence: Fence) -> None:
        known = self.fences.get(service_id)
        if service_id in self.tombstones or (known is not None and fence.beaten_by(known)):
            raise Fenced
        self.fences[service_id] = fence
