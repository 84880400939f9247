"""Requests to the API server: plain data in and out. What it refuses is raised as a Refusal, one that does not answer as Unavailable."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from urllib3 import HTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from chalicelib.adapters.kubernetes.login import Login
from chalicelib.adapters.kubernetes.refusals import NAMESPACE_ENDING, Refusal, lacks_rights, parse_refusal
from chalicelib.domain.errors import Unavailable

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 6.0
"""A step has 12 seconds for everything: an API server that takes this long is one that does not answer."""
CHUNK = 65536

METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Objects without their content: pull credentials do not travel where only names are asked for."""
JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
_WITHIN = re.compile(r"^(/api/v1/namespaces/([^/]+))/")

Answer = dict[str, Any]


class Stream:
    """An answer that goes on. `close` may come from another thread and ends a read that waits."""

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self._closed = False

    def chunks(self) -> Iterator[bytes]:
        """What comes, as it comes; ends when either side closes."""
        try:
            # What is read after TLS was shut down is what came over the wire, not what was said.
            while (chunk := self._response.read1(CHUNK)) and not self._closed:
                yield chunk
        except (HTTPError, OSError, ValueError):
            return  # cut off: whoever reads asks anew

    def lines(self) -> Iterator[bytes]:
        rest = b""
        for chunk in self.chunks():
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole

    def close(self) -> None:
        self._closed = True
        try:
            self._response.shutdown()
        except (RuntimeError, OSError, ValueError):
            return  # it ended by itself


class Api:
    """`kubeconfig` None: Ancla runs in the cluster itself."""

    def __init__(self, kubeconfig: Path | None, context: str = "") -> None:
        self._log_in: Callable[[], Login] = lambda: Login(kubeconfig, context)
        self._login = self._log_in()

    def get(self, path: str, *, accept: str = JSON, **query: str) -> Answer:
        return _parsed(self._bytes("GET", path, accept=accept, query=query))

    def find(self, path: str, *, accept: str = JSON) -> Answer | None:
        """As `get`; None when there is nothing at that path."""
        try:
            return self.get(path, accept=accept)
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            raise

    def read(self, path: str, **query: str) -> bytes:
        """An answer that is no JSON, such as a log."""
        return self._bytes("GET", path, accept="*/*", query=query)

    def create(self, path: str, body: Mapping[str, Any], **query: str) -> Answer:
        return _parsed(self._bytes("POST", path, body=body, query=query))

    def patch(self, path: str, body: Any, content_type: str, **query: str) -> Answer:
        return _parsed(self._bytes("PATCH", path, body=body, content_type=content_type, query=query))

    def delete(self, path: str, body: Mapping[str, Any]) -> None:
        self._bytes("DELETE", path, body=body)

    @contextmanager
    def stream(self, path: str, *, seconds: float, **query: str) -> Iterator[Stream]:
        """An answer that goes on for up to `seconds` without a word."""
        response = self._send("GET", path, accept="*/*", query=query, seconds=seconds + ANSWER_SECONDS)
        try:
            yield Stream(response)
        finally:
            response.close()

    def _bytes(self, method: str, path: str, **request: Any) -> bytes:
        response = self._send(method, path, **request)
        with self._reaching():
            data = response.read()
        response.release_conn()
        return data

    def _send(self, method: str, path: str, *, query: Mapping[str, str] | None = None, **request: Any) -> HTTPResponse:
        """The answer's head is there, and good; its body is still to be read."""
        target = f"{path}?{urlencode(query)}" if query else path
        response = self._ask(method, target, **request)
        if response.status == 401:
            # The token may have run out, and a new one lie in its place since.
            response.close()
            self._login = self._log_in()
            response = self._ask(method, target, **request)
        if response.status >= 400:
            with self._reaching():
                refused = response.read()
            response.release_conn()
            raise self._with_rights(path, parse_refusal(response.status, refused))
        return response

    def _with_rights(self, path: str, refusal: Refusal) -> Refusal:
        """As it would be told to one who has rights everywhere: Ancla's go with the namespace."""
        within = _WITHIN.match(re.sub(r"^/apis/[^/]+/[^/]+/", "/api/v1/", path))
        if within is None or not lacks_rights(refusal):
            return refusal
        namespace, name = self.find(within[1], accept=METADATA), unquote(within[2])
        if namespace is None:
            return Refusal(404, "NotFound", f"the namespace {name!r} is not there")
        if namespace["metadata"].get("deletionTimestamp"):
            return Refusal(403, "Forbidden", f"the namespace {name!r} is being deleted", frozenset({NAMESPACE_ENDING}))
        return refusal

    def _ask(
        self,
        method: str,
        target: str,
        *,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        seconds: float = ANSWER_SECONDS,
    ) -> HTTPResponse:
        headers = {**self._login.headers(), "Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        url = f"{self._login.server}{target}"
        with self._reaching():
            response = self._login.pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=Timeout(connect=CONNECT_SECONDS, read=seconds),
                preload_content=False,
            )
        assert isinstance(response, HTTPResponse)
        return response

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (HTTPError, OSError) as error:
            raise _unreachable(self._login.server, error) from error


def _parsed(data: bytes) -> Answer:
    answer: Answer = json.loads(data)
    return answer


def _unreachable(server: str, error: Exception) -> Unavailable:
    said = " ".join(str(getattr(error, "reason", None) or error).split())
    if "CERTIFICATE_VERIFY_FAILED" in said or "certificate" in said.lower():
        return Unavailable(
            f"the certificate of the cluster at {server} is not trusted: {said}",
            code="cluster_untrusted",
            hint="let the kubeconfig name the CA that the API server's certificate comes from",
        )
    return Unavailable(
        f"the cluster at {server} does not answer: {said}",
        code="cluster_unavailable",
        hint="look at the cluster's API server; it is tried again",
    )
