"""The authority that signs for every server beside Kubernetes, and the certificates of those servers and their clients."""

from __future__ import annotations

from engines.certificates import Pair, ensure_authority, ensure_client, ensure_server
from engines.debian import Package
from engines.engine import Engine
from engines.kubernetes.network import HOST_IP
from engines.recipes import Recipe
from engines.site import Site

PACKAGES: tuple[Package, ...] = (Package("openssl", "Apache-2.0"),)
RECIPES: tuple[Recipe, ...] = ()
NAME = "authority"
"""The engine to need before a certificate is asked for: two threads must not make two authorities."""


def authority(site: Site) -> Pair:
    return Pair(site.room("pki"), "authority")


def certificate(site: Site, name: str) -> Pair:
    """The certificate and key of one server or client, whether or not they are there."""
    return Pair(site.room("pki"), name)


def ensure_server_certificate(site: Site, name: str, *more: str, client: bool = False) -> Pair:
    """A server's certificate for the address that the machine, the node and the pods all reach it by, and for `more` names."""
    pair = certificate(site, name)
    ensure_server(pair, authority(site), name, (f"IP:{HOST_IP}", "IP:127.0.0.1", "DNS:localhost", *more), client=client)
    return pair


def ensure_client_certificate(site: Site, name: str) -> Pair:
    pair = certificate(site, name)
    ensure_client(pair, authority(site), name)
    return pair


def define(site: Site) -> tuple[Engine, ...]:
    pair = authority(site)
    return (
        Engine(
            name=NAME,
            version="-",
            licence="Apache-2.0",
            ready=lambda: pair.certificate.is_file() and pair.key.is_file(),
            before=lambda: ensure_authority(pair, "ancla-engines"),
            address=str(pair.certificate),
        ),
    )
