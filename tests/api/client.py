"""The API as a caller sees it, in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chalice.app import Chalice
from chalice.test import Client

from chalicelib.api.http import register
from chalicelib.api.routes import Route
from chalicelib.api.surface import ROUTES
from tests.world import World

MISSING = "00000000-0000-4000-8000-00000000dead"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.json["code"])


class Api:
    """Calls the routes with one key; `None` leaves the key out."""

    def __init__(self, world: World, *, key: str | None = "", routes: Sequence[Route] = ROUTES) -> None:
        app = Chalice("ancla-test", configure_logs=False, env={})
        register(app, routes, lambda: world.ports)
        self._client = Client(app)
        self._key = world.ada_key if key == "" else key

    def call(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, headers: dict[str, str] | None = None, prefix: str = ""
    ) -> Answer:
        sent = {"X-API-Key": self._key} if self._key is not None else {}
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        if content:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        full = path if path.startswith("/api") else f"/api/v1{path}"
        response = self._client.http.request(method, f"{prefix}{full}", headers=sent, body=content)
        flat = {name.lower(): str(value) for name, value in response.headers.items()}
        return Answer(response.status_code, flat, response.body.decode())

    def get(self, path: str, **options: Any) -> Answer:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.call("POST", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.call("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.call("DELETE", path, **options)
