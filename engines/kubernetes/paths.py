"""Where the cluster's files are in the home."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines.certificates import Pair
from engines.site import Site


@dataclass(frozen=True, slots=True)
class Paths:
    room: Path
    logs: Path

    @classmethod
    def of(cls, site: Site) -> Paths:
        return cls(site.room("kubernetes"), site.home / "logs")

    def pair(self, name: str) -> Pair:
        return Pair(self.room / "pki", name)

    def kubeconfig(self, name: str) -> Path:
        return self.room / f"{name}.conf"

    def config(self, name: str) -> Path:
        return self.room / "config" / name

    def data(self, name: str) -> Path:
        return self.room / "data" / name

    @property
    def registries(self) -> Path:
        """`<host:port>/hosts.toml` for each registry that containerd is to know more of than its name."""
        return self.room / "registries"

    @property
    def containerd_socket(self) -> Path:
        return self.room / "containerd.sock"

    @property
    def signing_key(self) -> Path:
        """Signs the tokens of service accounts."""
        return self.room / "pki" / "service-accounts.key"

    @property
    def signing_public_key(self) -> Path:
        return self.room / "pki" / "service-accounts.pub"

    @property
    def encryption(self) -> Path:
        """What Secrets are sealed with in etcd."""
        return self.config("encryption.json")

    @property
    def audit_log(self) -> Path:
        return self.logs / "audit.log"
