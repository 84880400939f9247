"""What a launcher notes: whole or not at all, and whatever the disk does, it keeps nothing open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NOTING = """
import os, resource, sys
from chalicelib.adapters.embedded.node import launcher
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))  # as if the disk had no more room
before, refused = len(os.listdir("/proc/self/fd")), 0
for _ in range(5):
    try:
        launcher.write(sys.argv[1], "usage", "a reading")
    except OSError:
        refused += 1
sys.stderr.write(f"{refused} refused, {len(os.listdir('/proc/self/fd')) - before} left open")
"""


def noted(folder: Path, *, room: int) -> str:
    """What came of five notes where a file may have so many bytes."""
    done = subprocess.run([sys.executable, "-c", NOTING, str(folder), str(room)], capture_output=True, text=True, check=True)
    return done.stderr


def test_a_note_without_room_is_refused_and_leaves_nothing_open(tmp_path: Path) -> None:
    assert noted(tmp_path, room=0) == "5 refused, 0 left open"
    assert not (tmp_path / "usage").exists()


def test_half_a_note_is_none(tmp_path: Path) -> None:
    assert noted(tmp_path, room=4) == "5 refused, 0 left open"
    assert not (tmp_path / "usage").exists()


def test_a_note_is_there_when_there_is_room(tmp_path: Path) -> None:
    assert noted(tmp_path, room=100) == "0 refused, 0 left open"
    assert (tmp_path / "usage").read_text() == "a reading"
