"""The way to services: the ingress controller's address, and the names below the domain of services."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from chalicelib.doctor.findings import Finding, failed, ok, warning
from chalicelib.settings import Settings

SECONDS = 3.0
SOME = "ancla-doctor"
"""Stands for the name of any service."""


def look_at_ingress(settings: Settings) -> Iterator[Finding]:
    yield look_at_address(settings.router_host, settings.router_port)
    yield look_at_names(settings.apps_domain)


def look_at_address(host: str, port: int) -> Finding:
    try:
        socket.create_connection((host, port), SECONDS).close()
    except OSError as error:
        hint = "look at the ingress controller, and let ANCLA_INGRESS_ADDRESS name where it listens"
        return failed("address", f"nothing answers at {host}:{port} ({error.strerror or error})", hint)
    return ok("address", f"{host}:{port} answers")


def look_at_names(domain: str) -> Finding:
    """Names may be known to others and not to this machine, so it is no failure."""
    name = f"{SOME}.{domain}"
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        hint = f"let *.{domain} lead to the ingress controller, or set ANCLA_APPS_DOMAIN to a domain that does"
        return warning("names", f"{name} leads nowhere, as seen from this machine", hint)
    return ok("names", f"{name} leads to {found[0][4][0]}")
