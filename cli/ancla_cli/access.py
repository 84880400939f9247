"""Which server is called, with which key: flag, then environment, then the folder's file, then the person's own file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ancla_sdk import DEFAULT_SERVER

from ancla_cli.result import CommandError, Problem

FLAG, ENVIRONMENT, LOCAL, GLOBAL, DEFAULT = "flag", "environment", "local file", "global file", "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    server: str
    api_key: str
    key_from: str
    """Where the key was found; empty when there is none."""


def resolve_access(*, server: str, api_key: str, environ: Mapping[str, str], local: Mapping[str, str], stored: Mapping[str, str]) -> Access:
    """`server` and `api_key` are the flags (empty: not given), `local` and `stored` what the two files say. A server that only the
    folder's file names gets no key from elsewhere: a cloned repository must not be able to collect keys."""
    servers = [
        (FLAG, server),
        (ENVIRONMENT, environ.get("ANCLA_SERVER", "")),
        (LOCAL, local.get("server", "")),
        (GLOBAL, stored.get("server", "")),
    ]
    keys = [
        (FLAG, api_key),
        (ENVIRONMENT, environ.get("ANCLA_API_KEY", "")),
        (LOCAL, local.get("api_key", "")),
        (GLOBAL, stored.get("api_key", "")),
    ]
    server_from, address = next((entry for entry in servers if entry[1]), (DEFAULT, DEFAULT_SERVER))
    key_from, key = next((entry for entry in keys if entry[1]), ("", ""))
    address = with_scheme(address)
    known = with_scheme(stored.get("server", "") or DEFAULT_SERVER)
    if server_from == LOCAL and key_from in {ENVIRONMENT, GLOBAL} and address != known:
        raise CommandError(
            Problem(
                code="server_not_trusted",
                message=f"the folder's .ancla/config.yaml names the server {address}, which your key is not for",
                hint=f"if you trust it, pass --server {address}, or run 'ancla login --server {address}'",
            )
        )
    return Access(server=address, api_key=key, key_from=key_from)


def with_scheme(server: str) -> str:
    """The address of a server in one form: with its scheme (http when it has none), without a closing slash."""
    return (server if "://" in server else f"http://{server}").rstrip("/")
