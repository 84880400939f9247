"""Where the registry keeps what, and the configuration that it starts with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines import pki
from engines.certificates import Pair, ensure_authority, ensure_client
from engines.kubernetes.network import HOST_IP
from engines.kubernetes.paths import Paths
from engines.pki.secrets import ensure_secret, ensure_token
from engines.site import Site

PORT = 5000
ADDRESS = f"{HOST_IP}:{PORT}"
"""What stands in front of the repository in a reference to an image."""
REALM = f"http://{HOST_IP}:8700/api/v1/integrations/docker/auth"
"""Where clients of the registry are sent for a token: Ancla's own API, which has to listen there."""
SERVICE = "ancla-registry"
ISSUER = "ancla"


@dataclass(frozen=True, slots=True)
class Files:
    room: Path

    @property
    def configuration(self) -> Path:
        # The suffix says nothing to the registry: it reads YAML, of which JSON is a part.
        return self.room / "registry.json"

    @property
    def data(self) -> Path:
        return self.room / "data"

    @property
    def upload_secret(self) -> Path:
        return self.room / "upload-secret"


def files(site: Site) -> Files:
    return Files(site.room("registry"))


def authority(site: Site) -> Pair:
    """Whom the registry trusts to name signers of tokens. Not the authority of the servers: with a certificate of that one, every
    server and every client could sign."""
    return Pair(site.room("registry"), "token-authority")


def signer(site: Site) -> Pair:
    return Pair(site.room("registry"), "token-signer")


def write_configuration(site: Site) -> None:
    """Makes all that the registry, its clients on the node, and the signer of its tokens read."""
    tls = pki.ensure_server_certificate(site, "registry")
    ensure_authority(authority(site), "ancla-registry-tokens")
    ensure_client(signer(site), authority(site), "ancla-token-signer")
    files(site).data.mkdir(mode=0o700, parents=True, exist_ok=True)
    rendered = render_configuration(files(site), tls, authority(site), ensure_token(files(site).upload_secret))
    ensure_secret(files(site).configuration, json.dumps(rendered, indent=2))
    hosts = Paths.of(site).registries / ADDRESS / "hosts.toml"
    hosts.parent.mkdir(parents=True, exist_ok=True)
    hosts.write_text(render_hosts(pki.authority(site).certificate))


def render_configuration(where: Files, tls: Pair, trusted: Pair, upload_secret: str) -> dict[str, Any]:
    return {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": False}},
        "storage": {
            "filesystem": {"rootdirectory": str(where.data)},
            "delete": {"enabled": True},
            "redirect": {"disable": True},
            "maintenance": {"uploadpurging": {"enabled": True, "age": "24h", "interval": "6h", "dryrun": False}},
        },
        "http": {
            "addr": ADDRESS,
            "secret": upload_secret,
            "tls": {"certificate": str(tls.certificate), "key": str(tls.key)},
        },
        "auth": {
            "token": {"realm": REALM, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(trusted.certificate)},
        },
    }


def render_hosts(ca: Path) -> str:
    """What containerd has to know of the registry."""
    return f'server = "https://{ADDRESS}"\n\n[host."https://{ADDRESS}"]\n  capabilities = ["pull", "resolve"]\n  ca = "{ca}"\n'
