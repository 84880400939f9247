"""Pebble, the ACME server for tests by Let's Encrypt: it signs for whoever proves by HTTP that a host is theirs. Beside it a name
server that says of each host that it is the Ingress controller."""

from __future__ import annotations

import functools

from engines import pki
from engines.checks import https_answers, name_resolves
from engines.debian import Package, installed_version
from engines.engine import Engine
from engines.files import ensure_text
from engines.kubernetes.network import HOST_IP
from engines.pebble.settings import (
    DIRECTORY,
    EVERY_HOST,
    MANAGEMENT_HOST,
    MANAGEMENT_PORT,
    NAME_MANAGEMENT,
    NAME_SERVER,
    PORT,
    files,
    write_configuration,
)
from engines.pki.https import Server
from engines.recipes import Recipe
from engines.site import Site

LICENCE = "MPL-2.0"
NAME, NAME_SERVER_NAME = "pebble", "pebble-dns"
PACKAGES: tuple[Package, ...] = (Package("pebble", LICENCE),)
RECIPES: tuple[Recipe, ...] = ()


def define(site: Site) -> tuple[Engine, ...]:
    return (_name_server(), _pebble(site))


def fetch_root(site: Site) -> str:
    """The certificate, in PEM, that checks all that this Pebble signs. Raises Trouble where it does not answer."""
    ca = pki.authority(site).certificate
    server = Server(name=NAME, host=MANAGEMENT_HOST, port=MANAGEMENT_PORT, ca=ca)
    return str(server.call("GET", "/roots/0"))


def _name_server() -> Engine:
    # It could answer challenges itself; here pods do that.
    challenges = ("-http01=", "-https01=", "-tlsalpn01=")
    answers = (f"-dns01={NAME_SERVER}", f"-defaultIPv4={EVERY_HOST}", "-defaultIPv6=")
    return Engine(
        name=NAME_SERVER_NAME,
        version=installed_version("pebble"),
        licence=LICENCE,
        address=NAME_SERVER,
        argv=("/usr/bin/pebble-challtestsrv", *answers, *challenges, f"-management={NAME_MANAGEMENT}"),
        needs=("node",),
        ready=name_resolves(HOST_IP, "any.host.example", EVERY_HOST),
    )


def _pebble(site: Site) -> Engine:
    return Engine(
        name=NAME,
        version=installed_version("pebble"),
        licence=LICENCE,
        address=DIRECTORY,
        argv=("/usr/bin/pebble", f"-config={files(site).configuration}", f"-dnsserver={NAME_SERVER}"),
        # It would wait some seconds before it looks at a host, so that clients learn to wait. Others of its habits stay: it refuses
        # one in twenty good requests, and may take a proof that it had before.
        environment={"PEBBLE_VA_NOSLEEP": "1"},
        reads=(files(site).configuration, pki.certificate(site, NAME).certificate),
        needs=(pki.NAME, NAME_SERVER_NAME),
        before=functools.partial(write_configuration, site),
        answers=https_answers(HOST_IP, PORT, "/dir", ca=pki.authority(site).certificate),
        after=lambda: ensure_text(files(site).root, fetch_root(site)),
        ready=https_answers(HOST_IP, PORT, "/dir", ca=pki.authority(site).certificate),
        exports={"ANCLA_ENGINES_ACME_DIRECTORY": DIRECTORY, "ANCLA_ENGINES_ACME_ROOT": str(files(site).root)},
    )
