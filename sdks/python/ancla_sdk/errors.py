"""What can go wrong with a call.

AnclaError
├── ConnectionProblem      no answer came: nothing is known about what the server did
├── UnexpectedAnswer       an answer came that is not Ancla's
├── AuthenticationError    401: no key, or one that does not count (any more)
├── PermissionDenied       403: the key may see the thing, but not do this to it
├── NotFoundError          404: it is not there, or not there for this key
├── ConflictError          409, 412: it clashes with what is there now
├── ValidationError        400, 413, 415, 422: the request cannot be taken as it is
├── RateLimited            429: too many calls
└── ServerError            5xx: the server's fault; the same call may succeed later
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AnclaError(Exception):
    """A stable `code`, a `message` for people, a `hint` that names the next step; `status` is 0 when no answer came."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "error",
        hint: str = "",
        status: int = 0,
        request_id: str = "",
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        self.status = status
        self.request_id = request_id
        self.extra = dict(extra or {})


class ConnectionProblem(AnclaError):
    """No answer came: the server is away, or the way to it."""


class UnexpectedAnswer(AnclaError):
    """The answer is not one that Ancla gives; often a proxy or another server answered."""


class AuthenticationError(AnclaError):
    """There is no key, or it does not count (any more)."""


class PermissionDenied(AnclaError):
    """The key's user may see the thing, but not do this to it."""


class NotFoundError(AnclaError):
    """It is not there, or not there for this key's user."""


class ConflictError(AnclaError):
    """It clashes with what is there now."""


class ValidationError(AnclaError):
    """The request cannot be taken as it is; `extra` names the fields."""


class RateLimited(AnclaError):
    """Too many calls in too short a time."""


class ServerError(AnclaError):
    """The server's fault; the same call may succeed later."""


_BY_STATUS: Mapping[int, type[AnclaError]] = {
    400: ValidationError,
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    413: ValidationError,
    415: ValidationError,
    422: ValidationError,
    429: RateLimited,
}


def error_of(status: int, body: object, *, request_id: str = "") -> AnclaError:
    """The error that an answer of this status means; `body` is its JSON, or anything else when somebody but Ancla answered."""
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else AnclaError)
    fields = body if isinstance(body, Mapping) else {}
    extra = fields.get("extra")
    foreign = not _text(fields, "code") and 400 <= status < 500
    return kind(
        _text(fields, "message") or _text(fields, "detail") or f"the server answered with status {status}",
        code=_text(fields, "code") or f"http_{status}",
        hint=_text(fields, "hint") or ("check that the server's address is that of Ancla" if foreign else ""),
        status=status,
        request_id=_text(fields, "request_id") or request_id,
        extra=extra if isinstance(extra, Mapping) else None,
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
