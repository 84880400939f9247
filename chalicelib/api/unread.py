"""Requests that never reach the door, because the server could not read them: they are answered in the same shape."""

from __future__ import annotations

import msgspec

from chalicelib.api import errors
from chalicelib.api.bodies import JSON
from chalicelib.api.idempotency import Sent
from chalicelib.api.routes import MIB
from chalicelib.domain.errors import AnclaError, Malformed, TooLarge

MAX_REQUEST = 6 * MIB
"""A little more than the largest body that any route takes: the door itself refuses the rest, and says what the route takes."""
MAX_HEADERS = MIB // 4
"""Bytes of the request line and the headers together."""


def unread(status: int, reason: str, request_id: str) -> Sent:
    """The answer to a request that the server refuses with `status`, for this reason."""
    error = _error(status, reason)
    body = errors.internal(request_id) if error is None else errors.body_of(error, status, request_id)
    return Sent(status=body.status, body=msgspec.json.encode(body).decode(), headers=headers_of(request_id))


def headers_of(request_id: str) -> dict[str, str]:
    """What every answer carries, where the door is not there to add it."""
    return {"Content-Type": JSON, "Cache-Control": "no-store", "X-Request-Id": request_id}


def _error(status: int, reason: str) -> AnclaError | None:
    """None for what is the server's own mistake."""
    match status:
        case 400:
            told = reason.partition(' "')[0]  # what it quotes may be a key
            hint = "send HTTP/1.1, in plain text: http://, not https://"
            return Malformed(f"the request cannot be read: {told}", code="request_malformed", hint=hint)
        case 413:
            hint = "send less in one request"
            return TooLarge(f"the body has more than {MAX_REQUEST // MIB} MiB", hint=hint, extra={"limit": MAX_REQUEST})
        case 431:
            message = f"the request line and the headers have more than {MAX_HEADERS // 1024} KiB"
            return Malformed(message, code="headers_too_large", hint="send fewer or shorter ones", extra={"limit": MAX_HEADERS})
        case 501:
            hint = "send the body as it is, with Content-Length, or chunked"
            return Malformed("the body's transfer encoding is not supported", code="transfer_encoding_unsupported", hint=hint)
        case _:
            return None
