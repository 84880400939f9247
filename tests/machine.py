"""What tests and the demo take from this machine: git, and ports that nobody listens on."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

_ENVIRON = {
    "PATH": os.environ["PATH"],
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Tester"),
    **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "tester@example.com"),
}
"""Nothing of the person's own settings, so that hooks, signing and templates stay out."""


def git(folder: Path, *arguments: str) -> str:
    """Runs git in `folder`, and returns what it prints."""
    done = subprocess.run(["git", *arguments], cwd=folder, env=_ENVIRON, check=True, capture_output=True, text=True, timeout=30)
    return done.stdout.strip()


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, no two the same."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def free_port() -> int:
    return free_ports(1)[0]
