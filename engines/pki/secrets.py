"""Files with secrets: made whole or not at all, and readable by their owner alone."""

from __future__ import annotations

import uuid
from pathlib import Path

from engines.files import ensure_text


def ensure_secret(path: Path, text: str) -> None:
    ensure_text(path, text, mode=0o600)


def ensure_token(path: Path) -> str:
    """The random UUID that the file holds; made now unless it is there."""
    if not path.is_file():
        ensure_secret(path, str(uuid.uuid4()))
    return path.read_text()
