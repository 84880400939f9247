"""Clients of the deployed service: one that asks once, and one that asks all along and counts what failed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

PAUSE = 0.02
"""Seconds between two requests of the steady client: enough of them to notice a gap, and cores left for the rest."""


@dataclass(frozen=True)
class Place:
    """Where a service is reached: by its host name, at the router (of this machine, unless told otherwise)."""

    host: str
    router_port: int
    router: str = "127.0.0.1"

    def ask(self, client: httpx.Client) -> httpx.Response:
        # Not every resolver knows that names below localhost are this machine.
        return client.get(f"http://{self.router}:{self.router_port}/", headers={"Host": self.host})

    def ask_once(self) -> dict[str, Any]:
        with httpx.Client(timeout=10, trust_env=False) as client:
            answer: dict[str, Any] = self.ask(client).raise_for_status().json()
            return answer


@dataclass
class SteadyClient:
    """Asks all along, in a thread of its own, until it is stopped."""

    place: Place
    pause: float = PAUSE
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    """The versions that answered, in the order in which they first did after another."""
    slowest: float = 0.0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="steady client", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread:
            self._thread.join(15)

    def _run(self) -> None:
        with httpx.Client(timeout=10, trust_env=False) as client:
            while not self._stopping.wait(self.pause):
                began = time.monotonic()
                try:
                    version = self.place.ask(client).raise_for_status().json()["version"]
                except (httpx.HTTPError, ValueError, KeyError) as error:
                    self.failures.append(repr(error))
                else:
                    self.answered += 1
                    if self.versions[-1:] != [version]:
                        self.versions.append(version)
                self.slowest = max(self.slowest, time.monotonic() - began)
