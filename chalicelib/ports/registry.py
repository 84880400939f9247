"""The private registry: which images there are, and who may pull them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chalicelib.domain.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class PullGrant:
    """Credentials that pull from one repository and nothing else."""

    server: str
    username: str
    password: Secret
    expires: datetime


class Registry(Protocol):
    def has(self, repository: str, digest: str) -> bool:
        """Whether the image can be pulled."""

    def grant_pull(self, service_id: str, repository: str, *, now: datetime) -> PullGrant:
        """New credentials for this repository, good for weeks."""

    def remove_image(self, repository: str, digest: str, *, build: int) -> None:
        """Removes one image, unless a build with a higher number than `build` has pushed the same since: so who comes late with this
        call removes nothing new. Nothing there is no error."""

    def remove(self, repository: str) -> None:
        """Removes all images of the repository; nothing there is no error."""
