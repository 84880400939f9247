"""A registry in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.secrets import Secret
from chalicelib.ports.registry import PullGrant


@dataclass
class MemoryRegistry:
    images: dict[str, dict[str, int]] = field(default_factory=dict)
    """By repository: the number of the newest build that pushed each digest."""

    def has(self, repository: str, digest: str) -> bool:
        return digest in self.images.get(repository, {})

    def grant_pull(self, service_id: str, repository: str, *, now: datetime) -> PullGrant:
        password = Secret(f"pull {repository}")
        return PullGrant(server="registry.example", username=service_id, password=password, expires=now + timedelta(days=30))

    def put(self, repository: str, digest: str, build: int) -> None:
        pushed = self.images.setdefault(repository, {})
        pushed[digest] = max(build, pushed.get(digest, 0))

    def remove_image(self, repository: str, digest: str, *, build: int) -> None:
        pushed = self.images.get(repository, {})
        if pushed.get(digest, build + 1) <= build:
            del pushed[digest]

    def remove(self, repository: str) -> None:
        self.images.pop(repository, None)
