"""What a command works with: the output door, the flags that every command takes, and a client made of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import httpx
from ancla_sdk import Client

from ancla_cli import stored
from ancla_cli.access import Access, resolve_access
from ancla_cli.result import CommandError, Problem
from ancla_cli.ui import Ui
from ancla_cli.version import VERSION

PATIENCE = 8
"""Retries while a run is followed: about a minute, enough for a server that restarts."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a command takes from the process around it."""

    environ: Mapping[str, str]
    home: Path
    folder: Path
    transport: httpx.BaseTransport | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(kw_only=True)
class App:
    ui: Ui
    around: Surroundings
    server: str = ""
    api_key: str = ""
    _clients: list[Client] = field(default_factory=list)

    @property
    def access(self) -> Access:
        return resolve_access(
            server=self.server,
            api_key=self.api_key,
            environ=self.around.environ,
            local=stored.read(stored.local_file(self.around.folder, self.around.home)),
            stored=stored.read(stored.global_file(self.around.home)),
        )

    @cached_property
    def client(self) -> Client:
        return self._client_with_key(retries=3)

    @cached_property
    def patient_client(self) -> Client:
        """For following a run: it outlasts a restart of the server."""
        return self._client_with_key(retries=PATIENCE)

    def client_for(self, access: Access, *, retries: int = 3) -> Client:
        client = Client(
            access.server,
            access.api_key,
            retries=retries,
            user_agent=f"ancla-cli/{VERSION}",
            transport=self.around.transport,
            sleep=self.around.sleep,
        )
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def _client_with_key(self, *, retries: int) -> Client:
        access = self.access
        if not access.api_key:
            raise CommandError(
                Problem(
                    code="not_logged_in",
                    message=f"there is no API key for {access.server}",
                    hint="run 'ancla login', or set ANCLA_API_KEY",
                )
            )
        return self.client_for(access, retries=retries)
