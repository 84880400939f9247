"""The machine's own clock and chance."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def random_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)
