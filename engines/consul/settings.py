"""Where Consul keeps what, and the configuration that it starts with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines import pki
from engines.certificates import Pair
from engines.kubernetes.network import HOST_IP
from engines.pki.secrets import ensure_secret, ensure_token
from engines.site import Site

PORT = 8501
DATACENTRE = "engines"
AGENT = "engines-1"
OFF = -1


@dataclass(frozen=True, slots=True)
class Files:
    room: Path

    @property
    def configuration(self) -> Path:
        return self.room / "consul.json"

    @property
    def data(self) -> Path:
        return self.room / "data"

    @property
    def management_token(self) -> Path:
        """May do everything."""
        return self.room / "management-token"

    @property
    def agent_token(self) -> Path:
        """With which the agent keeps the catalog as it is told."""
        return self.room / "agent-token"

    @property
    def ancla_token(self) -> Path:
        return self.room / "ancla-token"


def files(site: Site) -> Files:
    return Files(site.room("consul"))


def write_configuration(site: Site) -> None:
    pair = pki.ensure_server_certificate(site, "consul", f"DNS:server.{DATACENTRE}.consul", client=True)
    files(site).data.mkdir(mode=0o700, parents=True, exist_ok=True)
    tokens = {"initial_management": ensure_token(files(site).management_token), "agent": ensure_token(files(site).agent_token)}
    rendered = render_configuration(files(site).data, pair, pki.authority(site).certificate, tokens)
    ensure_secret(files(site).configuration, json.dumps(rendered, indent=2))


def render_configuration(data: Path, pair: Pair, ca: Path, tokens: dict[str, str]) -> dict[str, Any]:
    return {
        "datacenter": DATACENTRE,
        "node_name": AGENT,
        "server": True,
        "bootstrap_expect": 1,
        "data_dir": str(data),
        "bind_addr": HOST_IP,
        "advertise_addr": HOST_IP,
        "client_addr": HOST_IP,
        "ports": {"https": PORT, "http": OFF, "grpc": OFF, "grpc_tls": OFF, "dns": OFF, "serf_wan": OFF},
        "tls": {
            "defaults": {"ca_file": str(ca), "cert_file": str(pair.certificate), "key_file": str(pair.key)},
            # A client shows a token, servers among themselves show certificates.
            "https": {"verify_incoming": False},
            "internal_rpc": {"verify_incoming": True, "verify_server_hostname": True},
        },
        "acl": {"enabled": True, "default_policy": "deny", "enable_token_persistence": True, "tokens": tokens},
        "connect": {"enabled": False},
        "ui_config": {"enabled": False},
        "disable_update_check": True,
        "disable_remote_exec": True,
        # All clients have the same address here, for which the default of 200 is soon reached.
        "limits": {"http_max_conns_per_client": 500},
        "performance": {"raft_multiplier": 1},
        "log_level": "WARN",
    }
