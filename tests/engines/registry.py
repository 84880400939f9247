"""A registry in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.secrets import Secret
from chalicelib.ports.registry import PullGrant


@dataclass
class MemoryRegistry:
    images: dict[str, set[str]] = field(default_factory=dict)

    def has(self, repository: str, digest: str) -> bool:
        return digest in self.images.get(repository, set())

    def grant_pull(self, service_id: str, repository: str, *, now: datetime) -> PullGrant:
        password = Secret(f"pull {repository}")
        return PullGrant(server="registry.example", username=service_id, password=password, expires=now + timedelta(days=30))

    def remove(self, repository: str) -> None:
        self.images.pop(repository, None)
