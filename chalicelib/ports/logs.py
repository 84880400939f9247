"""Large and growing things: build and deploy logs, documents, evidence."""

from __future__ import annotations

from typing import Protocol


class Logs(Protocol):
    """Names are relative paths of `[A-Za-z0-9._-]` parts. What was written stays as it is: logs only grow, documents never change."""

    def write(self, name: str, offset: int, data: bytes) -> int:
        """Adds `data` at byte `offset` and returns the offset behind it. Writing the same bytes at the same place again changes
        nothing; bytes that are there already are never changed; `offset` must not leave a gap (Invalid)."""

    def read(self, name: str, *, start: int = 0) -> bytes:
        """All bytes from `start` on; empty when nothing was written."""

    def remove(self, prefix: str) -> None:
        """Removes all whose name begins with the path `prefix`; nothing there is no error."""
