"""The router: HTTP by host name to pods that are ready, streaming both ways, with no request lost when pods come and go."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict
from yarl import URL

_PATIENCE = 2.0
"""Seconds that a request waits for a pod of its host to be ready."""
_CONNECT_WITHIN = 2.0
_QUIET = 300.0
"""Seconds without a byte after which a pod's answer is given up."""
_SILENCE = 60.0
"""Seconds in which a connection without a request under way has to bring one, whole up to its body."""
_HEADER_LIMIT = 64 * 1024
_HOP_BY_HOP = frozenset(
    name.lower()
    for name in ("Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection")
    + ("TE", "Trailer", "Transfer-Encoding", "Upgrade")
)
_NEVER_HOP_BY_HOP = frozenset({"host", "content-length"})
"""What a caller's Connection header must not take away: without them the pod would see another request."""

_LOG = logging.getLogger("ancla.node.router")


@dataclass(eq=False, slots=True)
class Endpoint:
    """A pod's port and the requests that are under way to it."""

    uid: str
    port: int
    requests: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __enter__(self) -> None:
        self.requests += 1
        self.idle.clear()

    def __exit__(self, *_: object) -> None:
        self.requests -= 1
        if not self.requests:
            self.idle.set()


class Router:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._endpoints: dict[str, Endpoint] = {}
        self._hosts: dict[str, list[Endpoint]] = {}
        self._changed = asyncio.Event()

    def update(self, hosts: Mapping[str, Mapping[str, int]]) -> None:
        """From now on these hosts lead to these pods (UID to port). Requests under way go on."""
        wanted = {uid: port for pods in hosts.values() for uid, port in pods.items()}
        for uid, port in wanted.items():
            known = self._endpoints.get(uid)
            if known is None or known.port != port:
                self._endpoints[uid] = Endpoint(uid, port)
        for uid in [uid for uid, endpoint in self._endpoints.items() if uid not in wanted and not endpoint.requests]:
            del self._endpoints[uid]
        self._hosts = {host: [self._endpoints[uid] for uid in pods] for host, pods in hosts.items()}
        self._changed.set()
        self._changed = asyncio.Event()

    async def drained(self, uid: str) -> None:
        """Returns when no request is under way to the pod."""
        endpoint = self._endpoints.get(uid)
        if endpoint is not None and endpoint.requests:
            await endpoint.idle.wait()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        host = _host_name(request)
        if request.method == hdrs.METH_CONNECT:
            return _refused_tunnel()
        if host not in self._hosts:
            return _problem(404, f"no service has the host name {host!r}")
        await _continue_if_asked(request)
        tried: set[Endpoint] = set()
        deadline = time.monotonic() + _PATIENCE
        while (endpoint := await self._choose(host, tried, deadline)) is not None:
            with endpoint:
                try:
                    upstream = await self._send(request, endpoint)
                except aiohttp.ClientConnectorError:
                    tried.add(endpoint)  # not a byte was sent, so another pod may have it
                    continue
                except (aiohttp.ClientError, TimeoutError) as error:
                    return _problem(502, f"the service broke the connection before it answered ({type(error).__name__})")
                async with upstream:
                    return await _relay(request, upstream)
        return _problem(503, "no process of this service is ready", headers={"Retry-After": "2"})

    async def _choose(self, host: str, tried: set[Endpoint], deadline: float) -> Endpoint | None:
        """The least busy endpoint that was not tried; waits for one until the deadline."""
        while True:
            changed = self._changed
            ready = [endpoint for endpoint in self._hosts.get(host, ()) if endpoint not in tried]
            if ready:
                return min(ready, key=lambda endpoint: endpoint.requests)
            try:
                await asyncio.wait_for(changed.wait(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                return None

    async def _send(self, request: web.BaseRequest, endpoint: Endpoint) -> aiohttp.ClientResponse:
        url = URL(f"http://127.0.0.1:{endpoint.port}{_target(request)}", encoded=True)
        # Idempotent requests that got no answer are sent once more by the client, but never those whose body was begun.
        body = request.content if request.can_read_body else None
        return await self._session.request(request.method, url, headers=_request_headers(request), data=body, allow_redirects=False)


def router_session() -> aiohttp.ClientSession:
    """The client that the router and the probes use: a connection for each request, since a pod may close one that is kept just when
    it is used again; and every answer passed on as it is."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=0),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_WITHIN, sock_read=_QUIET),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=(hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE),
        max_line_size=_HEADER_LIMIT,
        max_field_size=_HEADER_LIMIT,
    )


class _OwnMistakes(logging.Filter):
    """Keeps what is no HTTP out of the log: its sender is told, anybody could fill the disk with it, and it may quote a password."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_OWN_MISTAKES = _OwnMistakes()


async def listen(router: Router, host: str, port: int, *, silence: float = _SILENCE) -> web.ServerRunner:
    """Serves until the runner is cleaned up. Raises OSError when the port is taken."""
    _LOG.addFilter(_OWN_MISTAKES)
    server = web.Server(
        router.handle,
        max_line_size=_HEADER_LIMIT,
        max_field_size=_HEADER_LIMIT,
        keepalive_timeout=silence,
        access_log=None,
        logger=_LOG,
    )
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024, reuse_address=True).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


async def _continue_if_asked(request: web.BaseRequest) -> None:
    """A client that asks before it sends its body would wait for this."""
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _relay(request: web.BaseRequest, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(status=upstream.status, reason=upstream.reason, headers=_end_to_end(upstream.headers))
    await response.prepare(request)
    try:
        async for chunk in upstream.content.iter_any():
            await response.write(chunk)
    except (aiohttp.ClientError, TimeoutError):
        # A clean end would make half an answer look whole.
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


def _request_headers(request: web.BaseRequest) -> CIMultiDict[str]:
    headers = _end_to_end(request.headers)
    headers.popall(hdrs.EXPECT, None)
    peer = request.remote or ""
    before = headers.popall(hdrs.X_FORWARDED_FOR, [])
    headers[hdrs.X_FORWARDED_FOR] = ", ".join([*before, peer])
    headers[hdrs.X_FORWARDED_PROTO] = "http"
    headers[hdrs.X_FORWARDED_HOST] = request.host
    return headers


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers but those that are about one connection only."""
    named = {name.strip().lower() for name in headers.get(hdrs.CONNECTION, "").split(",")} - _NEVER_HOP_BY_HOP
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if name.lower() not in _HOP_BY_HOP and name.lower() not in named:
            kept.add(name, value)
    return kept


def _host_name(request: web.BaseRequest) -> str:
    """Without the port, and without the dot that a name may end with."""
    name = request.host.rpartition(":")[0] if ":" in request.host else request.host
    return name.lower().removesuffix(".")


def _target(request: web.BaseRequest) -> str:
    """Path and query, byte for byte as they came."""
    raw = request.raw_path
    if raw.startswith("/"):
        return raw
    return request.rel_url.raw_path_qs if request.rel_url.raw_path_qs.startswith("/") else "/"


def _refused_tunnel() -> web.Response:
    """Closes, since what follows on the connection was meant for the other end."""
    response = _problem(405, "this is no proxy to elsewhere")
    response.force_close()
    return response


def _problem(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=f"{status}: {text}\n", headers=headers)
