"""Files that others read while they are written."""

from __future__ import annotations

from pathlib import Path


def ensure_text(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Makes the file hold the text, in one step; one that does already is left alone."""
    if path.is_file() and path.read_text() == text and path.stat().st_mode & 0o777 == mode:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.chmod(mode)
    partial.rename(path)
