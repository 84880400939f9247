"""Ancla's own settings, read once from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from chalicelib.domain.errors import Invalid

DEFAULT_KEPT_DEPLOYS = 20
MIN_KEPT_DEPLOYS = 2
"""What runs, and what it can be put back to."""
MAX_KEPT_DEPLOYS = 1000


class Profile(StrEnum):
    """Which family of adapters is used."""

    EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    profile: Profile
    home: Path
    """Embedded profile: where everything is kept."""
    host: str
    """The address that the API and the router listen on."""
    port: int
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

    @property
    def public_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def url_of(self, host: str) -> str:
        """The URL under which a service with this host name is reached."""
        return f"http://{host}:{self.router_port}"


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that `environ` (default: the process's own) gives. Raises Invalid, naming the variable."""
    values = os.environ if environ is None else environ
    profile = values.get("ANCLA_PROFILE", Profile.EMBEDDED.value)
    if profile not in [member.value for member in Profile]:
        raise Invalid(f"ANCLA_PROFILE={profile!r} is not known", code="setting_invalid", hint="use 'embedded'")
    return Settings(
        profile=Profile(profile),
        home=Path(values.get("ANCLA_HOME", ".ancla-home")).absolute(),
        host=values.get("ANCLA_HOST", "127.0.0.1"),
        port=_port(values, "ANCLA_PORT", 8700),
        router_port=_port(values, "ANCLA_ROUTER_PORT", 8701),
        apps_domain=values.get("ANCLA_APPS_DOMAIN", "localhost"),
        tls=False,
        kept_deploys=_kept_deploys(values),
        webhook_secret=values.get("ANCLA_WEBHOOK_SECRET", ""),
        local_repositories=profile == Profile.EMBEDDED.value,
    )


def _kept_deploys(values: Mapping[str, str]) -> int:
    text = values.get("ANCLA_KEEP_DEPLOYS", str(DEFAULT_KEPT_DEPLOYS))
    if not text.isdecimal() or not MIN_KEPT_DEPLOYS <= int(text) <= MAX_KEPT_DEPLOYS:
        raise Invalid(
            f"ANCLA_KEEP_DEPLOYS={text!r} cannot be used",
            code="setting_invalid",
            hint=f"use a number from {MIN_KEPT_DEPLOYS} to {MAX_KEPT_DEPLOYS:,}",
        )
    return int(text)


def _port(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name, str(default))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Invalid(f"{name}={text!r} is not a port", code="setting_invalid", hint="use a number from 1 to 65535")
    return int(text)
