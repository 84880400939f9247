"""Which of the published clients is calling, where no one answer can serve them all."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Dialect(StrEnum):
    """How lists of deploys and members of a workspace are shaped; all else is the same for everybody."""

    CLI = "cli"
    """Plain arrays; members as objects. The default."""
    SDK = "sdk"
    """Lists of deploys as `{"items": […]}`."""
    TERRAFORM = "terraform"
    """No members, since the provider takes only strings for them."""


PREFIXES: Mapping[str, Dialect] = {"sdk": Dialect.SDK, "terraform": Dialect.TERRAFORM}
"""By the path part after `/compat/`."""

_CLIENTS: Mapping[str, Dialect] = {
    "cli": Dialect.CLI,
    "sdk": Dialect.SDK,
    "go-sdk": Dialect.SDK,
    "python-sdk": Dialect.SDK,
    "typescript-sdk": Dialect.SDK,
    "terraform": Dialect.TERRAFORM,
}


def choose(*, prefix: str, client: str, user_agent: str) -> Dialect:
    """The dialect of a request: by the prefix of its path, else by the client its key was made for, else by its user agent."""
    if prefix in PREFIXES:
        return PREFIXES[prefix]
    if client in _CLIENTS:
        return _CLIENTS[client]
    published_sdk = user_agent.startswith("python-httpx/") or user_agent == "node"
    return Dialect.SDK if published_sdk else Dialect.CLI
