"""Errors on the wire: one table from the domain's classes to HTTP statuses, one shape for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from chalicelib.domain import errors

PRECONDITION_FAILED = 412


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """Every error. `message` and `detail` are one text; `code` is stable; `hint` names the next step; `extra` has details by field."""

    status: int
    status_code: int
    message: str
    detail: str
    code: str
    hint: str
    request_id: str
    extra: dict[str, Any] = {}


class UnsupportedMediaType(errors.Malformed):
    """The body is of a kind that the route does not read."""

    default_code = "unsupported_media_type"


class MethodNotAllowed(errors.Malformed):
    """There is something at this path, but not for this method."""

    default_code = "method_not_allowed"


STATUSES: Mapping[type[errors.AnclaError], int] = {
    errors.Malformed: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.Invalid: 422,
    errors.Unavailable: 503,
    UnsupportedMediaType: 415,
    MethodNotAllowed: 405,
    errors.AnclaError: 500,
}


def status_of(error: errors.AnclaError, *, conditional: bool = False) -> int:
    """The status of the nearest class in the error's ancestry. `conditional`: the request had an If-Match, so that a stale write is
    a precondition that failed."""
    if conditional and isinstance(error, errors.StaleWrite):
        return PRECONDITION_FAILED
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def body_of(error: errors.AnclaError, status: int, request_id: str) -> ErrorBody:
    return ErrorBody(
        status=status,
        status_code=status,
        message=error.message,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        request_id=request_id,
        extra=error.extra,
    )


def internal(request_id: str) -> ErrorBody:
    """The answer to what nobody expected: it says nothing but where to look it up."""
    message = "something went wrong on the server"
    return ErrorBody(
        status=500,
        status_code=500,
        message=message,
        detail=message,
        code="internal",
        hint=f"try again; if it stays, report the request id {request_id}",
        request_id=request_id,
    )
