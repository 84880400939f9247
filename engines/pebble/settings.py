"""Where the ACME server keeps what, and the configuration that it starts with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines import pki
from engines.certificates import Pair
from engines.files import ensure_text
from engines.kubernetes.network import HOST_IP, NODE_IP
from engines.site import Site

PORT = 14000
DIRECTORY = f"https://{HOST_IP}:{PORT}/dir"
MANAGEMENT_HOST, MANAGEMENT_PORT = "127.0.0.1", 15000
"""Where the keys of the authority are to be had as well: for this machine alone."""
NAME_SERVER_PORT = 53
NAME_SERVER = f"{HOST_IP}:{NAME_SERVER_PORT}"
NAME_MANAGEMENT = "127.0.0.1:8055"
EVERY_HOST = NODE_IP
"""What each host name is said to be: the Ingress controller."""
VALIDITY = 90 * 24 * 3600
"""Seconds that a certificate is valid, as those of Let's Encrypt are."""


@dataclass(frozen=True, slots=True)
class Files:
    room: Path

    @property
    def configuration(self) -> Path:
        return self.room / "pebble.json"

    @property
    def root(self) -> Path:
        """The certificate that all others are checked with. Pebble makes a new one at each start."""
        return self.room / "root.crt"


def files(site: Site) -> Files:
    return Files(site.room("pebble"))


def write_configuration(site: Site) -> None:
    pair = pki.ensure_server_certificate(site, "pebble")
    ensure_text(files(site).configuration, json.dumps(render_configuration(pair), indent=2))


def render_configuration(pair: Pair) -> dict[str, Any]:
    settings = {
        "listenAddress": f"{HOST_IP}:{PORT}",
        "managementListenAddress": f"{MANAGEMENT_HOST}:{MANAGEMENT_PORT}",
        "certificate": str(pair.certificate),
        "privateKey": str(pair.key),
        # Where hosts have to prove what they are: the ports that the whole world uses.
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "certificateValidityPeriod": VALIDITY,
    }
    return {"pebble": settings}
