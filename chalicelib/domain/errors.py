"""What can go wrong for a caller, grouped by what the caller can do about it.

AnclaError
├── Malformed        the request could not be read at all
├── Invalid          it was read, and a value in it cannot be taken
│   └── TooLarge     the value is fine but for its size
├── Unauthorized     no key, or one that does not count (any more)
├── Forbidden        the caller may see the thing, but not do this to it
├── NotFound         it is not there, or not there for this caller
├── Conflict         it clashes with what is there now
│   └── StaleWrite   somebody else wrote first: read again, decide again
└── Unavailable      something that Ancla stands on did not answer: the same call may succeed later

The HTTP status of each is in `api/http.py`, nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AnclaError(Exception):
    """A stable `code`, a `message` for people and a `hint` that names the next step."""

    default_code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        hint: str = "",
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint
        self.extra = dict(extra or {})


class Malformed(AnclaError):
    default_code = "malformed"


class Invalid(AnclaError):
    default_code = "invalid"


class TooLarge(Invalid):
    default_code = "too_large"


class Unauthorized(AnclaError):
    default_code = "unauthorized"


class Forbidden(AnclaError):
    default_code = "forbidden"


class NotFound(AnclaError):
    default_code = "not_found"


class Conflict(AnclaError):
    default_code = "conflict"


class StaleWrite(Conflict):
    default_code = "stale_write"


class Unavailable(AnclaError):
    default_code = "unavailable"
