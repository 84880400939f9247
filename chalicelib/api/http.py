"""The one door: every request passes it, and nothing else speaks HTTP.

    request -> caller (key) -> place (path) -> policy -> query, body -> handler -> answer
                401             404             403       400 413 415 422

`register` puts declared routes on a Chalice app. Chalice keeps the current request on the app object, which threads share, so the door
takes it from the middleware, that is given each request by itself.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import msgspec
from chalice.app import Chalice, CORSConfig, Request, Response

from chalicelib.api import bodies, dialects, errors, idempotency
from chalicelib.api.idempotency import Repeatable, Sent
from chalicelib.api.routes import PLACE_PARTS, Call, Reply, Route, check_routes
from chalicelib.domain.errors import AnclaError, NotFound
from chalicelib.domain.policy import Action
from chalicelib.ports import Ports
from chalicelib.usecases import access

COMPAT = "/compat/{dialect}"
"""The whole API once more, for published clients that nothing but the prefix of their server's URL can tell apart."""
CORS = CORSConfig(
    allow_headers=["Idempotency-Key", "If-Match"], expose_headers=["ETag", "X-Request-Id", "Idempotent-Replayed"], max_age=600
)

_log = logging.getLogger("ancla.api")
_current: ContextVar[Request] = ContextVar("current_request")
_VERSION = re.compile(r'(?:W/)?"?(\d{1,15})"?')


def register(app: Chalice, routes: Sequence[Route], make_ports: Callable[[], Ports]) -> None:
    """Serves `routes` on `app`, each with and without a trailing slash. `make_ports` is called once, by the first request."""
    check_routes(routes)
    ports = _Once(make_ports)
    app.register_middleware(_around, "http")
    for route in routes:
        for schema in (route.body, route.query, route.returns):
            if schema is not None:
                bodies.prepare(schema)
        for path in (route.path, COMPAT + route.path):
            app.route(path, methods=[route.method], content_types=[], cors=CORS, name=route.operation)(_view(route, ports))


def unknown_path(request_id: str) -> Sent:
    """The answer where no route has this path, for servers that see such requests themselves."""
    return _failed(NotFound("there is nothing at this path", code="path_not_found", hint="check the spelling of the path"), request_id)


class _Once:
    """The ports of this process, made by whoever asks first."""

    def __init__(self, make: Callable[[], Ports]) -> None:
        self._make = make
        self._made: Ports | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Ports:
        with self._lock:
            if self._made is None:
                try:
                    self._made = self._make()
                except AnclaError as error:
                    raise RuntimeError(f"the ports could not be made: {error.message}") from error
            return self._made


def _around(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Hands the request to the view, and gives the errors that are Chalice's own the shape of ours."""
    token = _current.set(request)
    try:
        response = get_response(request)
    finally:
        _current.reset(token)
    if isinstance(response.body, str):
        return response
    return _reshaped(request, response)


def _reshaped(request: Request, response: Response) -> Response:
    request_id = _request_id(request)
    if response.status_code == 405:
        error = errors.MethodNotAllowed(f"{request.method} is not possible here", hint=f"possible are {response.headers.get('Allow', '')}")
        sent = _failed(error, request_id)
    else:
        _log.error("chalice answered %s %s itself with %s", request.method, request.path, response.status_code)
        sent = Sent(status=500, body=_encoded(errors.internal(request_id)))
    kept = {name: str(value) for name, value in response.headers.items()}
    return _response(replace(sent, headers={**kept, "Content-Type": bodies.JSON}), request_id)


def _view(route: Route, ports: _Once) -> Callable[..., Response]:
    def view(**parts: str) -> Response:
        request = _current.get()
        return _served(route, ports, request, parts)

    return view


def _served(route: Route, ports: _Once, request: Request, parts: Mapping[str, str]) -> Response:
    request_id = _request_id(request)
    began = time.monotonic()
    try:
        sent = _answer(route, ports(), request, parts)
    except AnclaError as error:
        sent = _failed(error, request_id, conditional="if-match" in request.headers)
    except Exception:  # noqa: BLE001  (the boundary: whatever it is, the caller gets our shape, and nothing of the inside)
        _log.exception("%s %s failed, request %s", route.method, route.path, request_id)
        sent = Sent(status=500, body=_encoded(errors.internal(request_id)))
    took = (time.monotonic() - began) * 1000
    _log.info("%s %s %s %.0f ms, request %s", route.method, route.path, sent.status, took, request_id)
    return _response(sent, request_id)


def _answer(route: Route, ports: Ports, request: Request, parts: Mapping[str, str]) -> Sent:
    call = _checked(route, ports, request, parts)
    key = call.headers.get("idempotency-key")
    if key is None or call.caller is None or not route.mutates:
        return _sent(route, route.handler(call))
    repeatable = Repeatable(
        user_id=call.actor.user_id,
        key=key,
        fingerprint=idempotency.fingerprint(call.caller.proof, route.method, _path_of(route, call, request), call.raw),
        raw=call.raw,
        withheld=route.withheld,
    )
    return idempotency.answer_once(ports, repeatable, lambda spending: _sent(route, route.handler(replace(call, ports=spending))))


def _checked(route: Route, ports: Ports, request: Request, parts: Mapping[str, str]) -> Call:
    """The call that the handler gets, or the first error on the way to it: who, where, may, what."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    params = {name: bodies.read_part(part) for name, part in parts.items()}
    prefix = params.pop("dialect", "")
    if prefix and prefix not in dialects.PREFIXES:
        raise NotFound(f"there is no dialect {prefix!r}", code="path_not_found", hint=f"use one of {', '.join(dialects.PREFIXES)}")
    call = Call(
        ports=ports, request_id=_request_id(request), params=params, headers=headers, if_match=_version(headers.get("if-match", ""))
    )
    if route.action is not Action.PUBLIC:
        call = _admitted(route, call, prefix)
    return _read(route, call, request)


def _admitted(route: Route, call: Call, prefix: str) -> Call:
    caller = access.authenticate(call.ports, call.headers.get("x-api-key", ""))
    dialect = dialects.choose(prefix=prefix, client=caller.client, user_agent=call.headers.get("user-agent", ""))
    call = replace(call, caller=caller, dialect=dialect)
    named = [call.params[part] for part in PLACE_PARTS if part in call.params]
    if named:
        place = access.locate(call.ports, caller.actor.user_id, named)
        access.permit(caller, place.membership, route.action)
        return replace(call, found=place)
    if route.mutates:  # about the user's own things, such as keys: a key that is good for less must not make one that is good for more
        access.permit_key(caller, route.action)
    return call


def _read(route: Route, call: Call, request: Request) -> Call:
    raw = request.raw_body
    raw = raw.encode() if isinstance(raw, str) else raw
    bodies.check_size(raw, route.max_body)
    body = query = None
    if route.body is not None:
        body = bodies.read_body(raw, call.headers.get("content-type", ""), route.body, optional=route.body_optional)
    if route.query is not None:
        query = bodies.read_query(_query_of(request), route.query)
    return replace(call, raw=raw, query=query, body=body)


def _query_of(request: Request) -> dict[str, list[str]]:
    """The query's values by name, in their order: a name may be there several times."""
    return {name: request.query_params.getlist(name) for name in request.query_params} if request.query_params else {}


def _path_of(route: Route, call: Call, request: Request) -> str:
    """The request's path with its parts filled in, and its query: equal for two ways to write one address."""
    return msgspec.json.encode([route.path, sorted(call.params.items()), sorted(_query_of(request).items())]).decode()


def _version(header: str) -> int | None:
    if header.strip() in {"", "*"}:
        return None
    match = _VERSION.fullmatch(header.strip())
    return int(match[1]) if match else -1


def _sent(route: Route, reply: Reply) -> Sent:
    status = reply.status or route.status
    headers = dict(reply.headers)
    if reply.etag:
        headers["ETag"] = f'"{reply.etag}"'
    return Sent(status=status, body="" if status == 204 else _encoded(reply.body), headers=headers)


def _failed(error: AnclaError, request_id: str, *, conditional: bool = False) -> Sent:
    status = errors.status_of(error, conditional=conditional)
    _log.info("refused with %s %s, request %s", status, error.code, request_id)  # no message: it may quote what was sent
    return Sent(status=status, body=_encoded(errors.body_of(error, status, request_id)))


def _encoded(body: Any) -> str:
    return msgspec.json.encode(body).decode()


def _response(sent: Sent, request_id: str) -> Response:
    headers: dict[str, str | list[str]] = {
        "Content-Type": bodies.JSON,
        "Cache-Control": "no-store",
        "X-Request-Id": request_id,
        **sent.headers,
    }
    return Response(body=sent.body, status_code=sent.status, headers=headers)


def _request_id(request: Request) -> str:
    return str(getattr(request.lambda_context, "aws_request_id", "")) or "unknown"
