"""The Python client of Ancla."""

from ancla_sdk.client import DEFAULT_SERVER, Client
from ancla_sdk.decoding import encode
from ancla_sdk.errors import (
    AnclaError,
    AuthenticationError,
    ConflictError,
    ConnectionProblem,
    NotFoundError,
    PermissionDenied,
    RateLimited,
    ServerError,
    UnexpectedAnswer,
    ValidationError,
)
from ancla_sdk.version import VERSION

__all__ = [
    "DEFAULT_SERVER",
    "VERSION",
    "AnclaError",
    "AuthenticationError",
    "Client",
    "ConflictError",
    "ConnectionProblem",
    "NotFoundError",
    "PermissionDenied",
    "RateLimited",
    "ServerError",
    "UnexpectedAnswer",
    "ValidationError",
    "encode",
]
