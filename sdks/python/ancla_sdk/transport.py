"""One call to the server: key, idempotency, retries, and answers turned into JSON or an AnclaError."""

from __future__ import annotations

import ssl
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from ancla_sdk.errors import ConnectionProblem, UnexpectedAnswer, error_of

RETRIED_STATUSES = frozenset({429, 502, 503, 504})
IN_PROGRESS = "idempotency_in_progress"
"""The code of the 409 that says that the first try of this very call is still being worked on."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 30.0


class Transport:
    """Sends requests to `{server}/api/v1`. Every try of one mutation carries the same Idempotency-Key."""

    def __init__(
        self,
        http: httpx.Client,
        *,
        server: str,
        retries: int = 3,
        sleep: Callable[[float], None] = time.sleep,
        new_key: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._http = http
        self._base = f"{server.rstrip('/')}/api/v1"
        self._server = server
        self._retries = retries
        self.sleep = sleep
        self._new_key = new_key

    def get(self, path: str, **query: object) -> Any:
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None, **query: object) -> Any:
        return self._call("POST", path, body=body, query=query)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("PATCH", path, body=body)

    def delete(self, path: str) -> None:
        self._call("DELETE", path)

    def _call(self, method: str, path: str, *, body: Mapping[str, Any] | None = None, query: Mapping[str, object] | None = None) -> Any:
        request = self._http.build_request(
            method,
            self._base + path,
            json=body,
            params={name: str(value) for name, value in (query or {}).items() if value not in (None, "")},
            headers={} if method == "GET" else {"Idempotency-Key": self._new_key()},
        )
        for tries_left in range(self._retries, -1, -1):
            pause = FIRST_PAUSE * 2 ** (self._retries - tries_left)
            try:
                response = self._http.send(request)
            except httpx.TransportError as error:
                if not tries_left:
                    raise self._unreachable(error) from error
            else:
                if not tries_left or not _worth_a_retry(response):
                    return _answer(response)
                pause = _asked_pause(response) or pause
            self.sleep(min(pause, LONGEST_PAUSE))
        raise AssertionError("the last try returns or raises")

    def _unreachable(self, error: httpx.TransportError) -> ConnectionProblem:
        if _is_of_tls(error):
            return ConnectionProblem(
                f"{self._server} cannot be reached over TLS",
                code="unreachable",
                hint="check the server's certificate; one without TLS, such as one on your own machine, is at http://",
            )
        late = isinstance(error, httpx.TimeoutException)
        return ConnectionProblem(
            f"{self._server} {'did not answer in time' if late else 'cannot be reached'}",
            code="timeout" if late else "unreachable",
            hint="check the server's address, and that it runs",
        )


def _is_of_tls(error: BaseException | None) -> bool:
    """Whether a failure of TLS is at the root of it."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None


def _worth_a_retry(response: httpx.Response) -> bool:
    if response.status_code == 409:
        body = _json(response)
        return isinstance(body, Mapping) and body.get("code") == IN_PROGRESS
    return response.status_code in RETRIED_STATUSES


def _asked_pause(response: httpx.Response) -> float:
    """The seconds of Retry-After; 0 when it is absent or a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0


def _answer(response: httpx.Response) -> Any:
    request_id = response.headers.get("X-Request-Id", "")
    body = _json(response)
    if response.status_code >= 400:
        raise error_of(response.status_code, body, request_id=request_id)
    if response.is_redirect or (response.content and body is None):
        raise UnexpectedAnswer(
            f"{response.request.url} did not answer with JSON",
            code="answer_unexpected",
            hint="check that the server's address is that of Ancla",
            status=response.status_code,
            request_id=request_id,
        )
    return body


def _json(response: httpx.Response) -> object:
    try:
        return response.json() if response.content else None
    except ValueError:
        return None
