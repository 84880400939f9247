"""The catalog over a real Consul, cleared of what tests left there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import requests

from chalicelib.adapters.consul import KEYS, ConsulCatalog, token_id
from chalicelib.settings import ConsulSettings
from tests.contracts.engines_home import engine_settings


class Asking:
    """Plain requests as Ancla, beside the adapter."""

    def __init__(self, settings: ConsulSettings) -> None:
        self._settings = settings

    def ask(self, method: str, path: str, *, token: str = "", body: dict[str, Any] | None = None) -> requests.Response:
        own = "" if self._settings.token_file is None else self._settings.token_file.read_text().strip()
        verify = True if self._settings.ca is None else str(self._settings.ca)
        headers = {"X-Consul-Token": token or own}
        return requests.request(method, f"{self._settings.address}/v1/{path}", headers=headers, json=body, verify=verify, timeout=10)

    def forget(self, service_ids: Collection[str]) -> None:
        """Entry, fence and token of these services: no use of Ancla does that, a service id is used once."""
        for service_id in service_ids:
            self.ask("PUT", f"agent/service/deregister/{service_id}")
            self.ask("DELETE", f"kv/{KEYS}{service_id}")
            self.ask("DELETE", f"acl/token/{token_id(service_id)}")


def consul_settings() -> ConsulSettings:
    chosen = engine_settings().consul
    assert chosen is not None
    return chosen


@contextmanager
def cleared_catalog(service_ids: Collection[str]) -> Iterator[ConsulCatalog]:
    settings = consul_settings()
    asking = Asking(settings)
    asking.forget(service_ids)
    yield ConsulCatalog(settings.address, ca=settings.ca, token_file=settings.token_file, check_seconds=1)
    asking.forget(service_ids)
