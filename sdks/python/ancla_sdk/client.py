"""The client: where the server is, who calls, and one method group for each noun."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import httpx

from ancla_sdk.errors import AuthenticationError, ConnectionProblem
from ancla_sdk.groups.builds import Builds
from ancla_sdk.groups.config import Config
from ancla_sdk.groups.deploys import Deploys
from ancla_sdk.groups.hierarchy import Environments, Projects, Workspaces
from ancla_sdk.groups.people import Keys, Members, Teams
from ancla_sdk.groups.runs import Runs
from ancla_sdk.groups.services import Services
from ancla_sdk.transport import Transport
from ancla_sdk.version import VERSION

DEFAULT_SERVER = "http://127.0.0.1:8700"


class Client:
    """Talks to one server with one key. Safe to share between threads; close it, or use it in a `with` block."""

    def __init__(
        self,
        server: str = "",
        api_key: str = "",
        *,
        timeout: float = 30.0,
        retries: int = 3,
        user_agent: str = f"ancla-sdk-python/{VERSION}",
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """What is empty is read from ANCLA_SERVER and ANCLA_API_KEY; what can be no address or no key raises an AnclaError at once.
        `transport` and `sleep` are for tests and special networks."""
        self.server = _checked_server(server or os.environ.get("ANCLA_SERVER", "") or DEFAULT_SERVER).rstrip("/")
        key = _checked_key(api_key or os.environ.get("ANCLA_API_KEY", ""))
        self._http = httpx.Client(
            headers={"User-Agent": user_agent, "Accept": "application/json", **({"X-API-Key": key} if key else {})},
            timeout=httpx.Timeout(timeout, connect=min(timeout, 5.0)),
            transport=transport,
            # The key goes to the server that was named, and to no other that a redirect names.
            follow_redirects=False,
        )
        calls = Transport(self._http, server=self.server, retries=retries, sleep=sleep)
        self.workspaces = Workspaces(calls)
        self.members = Members(calls)
        self.teams = Teams(calls)
        self.keys = Keys(calls)
        self.projects = Projects(calls)
        self.environments = Environments(calls)
        self.services = Services(calls)
        self.config = Config(calls)
        self.builds = Builds(calls)
        self.deploys = Deploys(calls)
        self.runs = Runs(calls)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def _checked_server(server: str) -> str:
    try:
        url = httpx.URL(server)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConnectionProblem(
            f"{server!r} is not the address of a server", code="server_invalid", hint="write it as https://host or http://host:port"
        )
    return server


def _checked_key(key: str) -> str:
    """The key, unless it could not even be sent: it goes into a header."""
    if not (key.isascii() and key.isprintable()):
        raise AuthenticationError("this is not the form of an API key", code="key_malformed", hint="copy the whole key, from 'ancla_' on")
    return key
