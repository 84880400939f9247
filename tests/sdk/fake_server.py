"""A server made of answers: what the SDK and the CLI are tested against."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

Answer = httpx.Response | Exception


def answer(body: object = None, status: int = 200, headers: Mapping[str, str] | None = None) -> httpx.Response:
    if body is None:
        return httpx.Response(status, headers=headers)
    return httpx.Response(status, json=body, headers=headers)


def refusal(status: int, code: str, message: str, hint: str = "", headers: Mapping[str, str] | None = None) -> httpx.Response:
    """An error in the one shape that Ancla answers with."""
    body = {
        "status": status,
        "status_code": status,
        "message": message,
        "detail": message,
        "extra": {},
        "code": code,
        "hint": hint,
        "request_id": "req-1",
    }
    return answer(body, status, headers)


@dataclass
class FakeServer:
    """Answers each route with its answers in turn, the last one for ever, and keeps what it was asked."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)

    def on(self, route: str, *answers: Answer) -> FakeServer:
        """`route` is `METHOD /path` below `/api/v1`, without the query."""
        self.answers[route] = list(answers)
        return self

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        route = f"{request.method} {request.url.raw_path.decode().partition('?')[0].removeprefix('/api/v1')}"
        if route not in self.answers:
            return refusal(404, "not_found", f"the fake server has no {route}")
        waiting = self.answers[route]
        chosen = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(chosen, Exception):
            raise chosen
        # A response can be read once, and the last one is given again and again.
        return httpx.Response(chosen.status_code, content=chosen.content, headers=dict(chosen.headers))

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    @property
    def calls(self) -> list[str]:
        """The requests so far as `METHOD /path?query`."""
        return [f"{r.method} {r.url.raw_path.decode().removeprefix('/api/v1')}" for r in self.requests]

    def body(self, index: int = -1) -> Any:
        return json.loads(self.requests[index].content or b"null")


@dataclass
class FakeTime:
    """A clock that only sleeping moves on."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)
    at_sleep: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        self.at_sleep()

    def clock(self) -> float:
        return self.now
