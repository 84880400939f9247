"""Ancla's own settings, read once from the environment.

ANCLA_PROFILE=embedded (default)   everything on this machine, from this repository
ANCLA_PROFILE=engines              Ancla's own state on this machine, real engines beside it (`engines.py` has each one's settings)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from chalicelib.settings.engines import (
    EMBEDDED,
    BuildKitSettings,
    ConsulSettings,
    KubernetesSettings,
    RegistrySettings,
    SourceSettings,
    VaultSettings,
    chosen_engines,
    read_buildkit,
    read_consul,
    read_kubernetes,
    read_registry,
    read_source,
    read_vault,
)
from chalicelib.settings.values import Values

__all__ = [
    "BuildKitSettings",
    "ConsulSettings",
    "KubernetesSettings",
    "Profile",
    "RegistrySettings",
    "Settings",
    "SourceSettings",
    "VaultSettings",
    "read_settings",
]

DEFAULT_KEPT_DEPLOYS = 20
MIN_KEPT_DEPLOYS = 2
"""What runs, and what it can be put back to."""
MAX_KEPT_DEPLOYS = 1000


class Profile(StrEnum):
    """Which family of adapters is used."""

    EMBEDDED = "embedded"
    ENGINES = "engines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    profile: Profile
    home: Path
    """Where everything is kept that is not in a real engine."""
    host: str
    """The address that the API and the router listen on."""
    port: int
    router_host: str
    """Where services are reached: the embedded router, or the ingress of the cluster."""
    router_port: int
    apps_domain: str
    """Services are reached at `{service}-{environment}-{project}-{workspace}.{apps_domain}`."""
    tls: bool
    """Whether services get certificates."""
    kept_deploys: int
    """How many of a service's newest good deploys can be gone back to, and how many of its newest builds can be deployed again."""
    webhook_secret: str
    """The secret of the GitHub webhook; empty: the webhook refuses every delivery."""
    local_repositories: bool
    """Whether a repository may be a path of this machine."""
    kubernetes: KubernetesSettings | None = None
    """This and those below: None where the embedded one is used."""
    source: SourceSettings | None = None
    builder: BuildKitSettings | None = None
    vault: VaultSettings | None = None
    consul: ConsulSettings | None = None
    registry: RegistrySettings | None = None

    @property
    def public_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def url_of(self, host: str) -> str:
        """The URL under which a service with this host name is reached."""
        scheme, usual = ("https", 443) if self.tls else ("http", 80)
        return f"{scheme}://{host}" if self.router_port == usual else f"{scheme}://{host}:{self.router_port}"


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that `environ` (default: the process's own) gives. Raises Invalid, naming the variables."""
    values = Values(os.environ if environ is None else environ)
    profile = Profile(values.choice("ANCLA_PROFILE", Profile.EMBEDDED.value, [member.value for member in Profile]))
    engines = chosen_engines(values, real=profile is Profile.ENGINES)
    real_cluster = engines["ANCLA_CLUSTER"] != EMBEDDED
    host, router_port = values.text("ANCLA_HOST", "127.0.0.1"), values.port("ANCLA_ROUTER_PORT", 8701)
    router = values.host_and_port("ANCLA_INGRESS_ADDRESS") if real_cluster else (host, router_port)
    settings = Settings(
        profile=profile,
        home=Path(values.text("ANCLA_HOME", ".ancla-home")).absolute(),
        host=host,
        port=values.port("ANCLA_PORT", 8700),
        router_host=router[0],
        router_port=router[1],
        apps_domain=values.text("ANCLA_APPS_DOMAIN", "localhost"),
        tls=real_cluster and values.choice("ANCLA_TLS", "off", ["off", "on"]) == "on",
        kept_deploys=values.number("ANCLA_KEEP_DEPLOYS", DEFAULT_KEPT_DEPLOYS, MIN_KEPT_DEPLOYS, MAX_KEPT_DEPLOYS),
        webhook_secret=values.text("ANCLA_WEBHOOK_SECRET"),
        local_repositories=not real_cluster,
        kubernetes=read_kubernetes(values) if real_cluster else None,
        source=read_source(values) if real_cluster else None,
        builder=read_buildkit(values) if engines["ANCLA_BUILDER"] != EMBEDDED else None,
        vault=read_vault(values) if engines["ANCLA_VAULT"] != EMBEDDED else None,
        consul=read_consul(values) if engines["ANCLA_CATALOG"] != EMBEDDED else None,
        registry=read_registry(values) if engines["ANCLA_REGISTRY"] != EMBEDDED else None,
    )
    chosen = ", ".join(f"{name}={engine}" for name, engine in engines.items() if engine != EMBEDDED)
    values.check_complete(f"set them, or use the embedded engines instead of {chosen}")
    return settings
