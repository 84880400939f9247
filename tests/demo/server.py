"""Ancla in the embedded profile, as a process of its own, on free ports of this machine."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from chalicelib.adapters.embedded.node.control import stop_node
from tests.machine import free_ports

ROOT = Path(__file__).parents[2]
START_WITHIN = 30.0
STOP_WITHIN = 20.0


class ServerProblem(Exception):
    """It did not start."""


class Server:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.port, self.router_port = free_ports(2)
        self.webhook_secret = secrets.token_urlsafe(24)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key_file(self) -> Path:
        return self.home / "admin.key"

    @property
    def key(self) -> str:
        return self.key_file.read_text().strip()

    @property
    def log(self) -> Path:
        return self.home / "local.log"

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Starts it, in a session of its own so that Ctrl-C reaches this process alone, and returns when it answers."""
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANCLA_")},
            "ANCLA_HOME": str(self.home),
            "ANCLA_PORT": str(self.port),
            "ANCLA_ROUTER_PORT": str(self.router_port),
            "ANCLA_WEBHOOK_SECRET": self.webhook_secret,
        }
        with self.log.open("ab") as log:
            command = [sys.executable, "local.py"]
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_WITHIN
        while not (self.key_file.exists() and _listens(self.port)):
            if self._process.poll() is not None:
                raise ServerProblem(f"Ancla did not start:\n{_tail(self.log)}")
            if time.monotonic() > deadline:
                raise ServerProblem(f"Ancla did not answer within {START_WITHIN:.0f} s:\n{_tail(self.log)}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends the server, its node and the services, and waits for that."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        # The node outlives a server that had no time to end it.
        stop_node(self.home)


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.settimeout(0.5)
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:])
