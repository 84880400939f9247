"""Consul: one server that is also the agent which services are registered at; HTTPS only, and nothing without a token."""

from __future__ import annotations

from pathlib import Path

from engines import pki
from engines.build import GoBuild
from engines.consul.settings import PORT, files, write_configuration
from engines.consul.setup import ensure_set_up, works
from engines.debian import Package
from engines.engine import Engine
from engines.kubernetes.network import HOST_IP
from engines.recipes import Recipe
from engines.site import Site

VERSION = "1.14.11"
LICENCE = "MPL-2.0"
RECIPE = Recipe(
    name="consul",
    version=VERSION,
    licence=LICENCE,
    folder=Path(__file__).parent,
    actions=(GoBuild(binary="consul", package="github.com/hashicorp/consul"),),
)
PACKAGES: tuple[Package, ...] = ()
RECIPES: tuple[Recipe, ...] = (RECIPE,)


def define(site: Site) -> tuple[Engine, ...]:
    address = f"https://{HOST_IP}:{PORT}"
    return (
        Engine(
            name="consul",
            version=VERSION,
            licence=LICENCE,
            address=address,
            argv=(str(RECIPE.built(site.cache) / "consul"), "agent", f"-config-file={files(site).configuration}"),
            reads=(files(site).configuration, pki.certificate(site, "consul").certificate),
            needs=(pki.NAME, "node"),
            before=lambda: write_configuration(site),
            answers=lambda: works(site),
            after=lambda: ensure_set_up(site),
            ready=lambda: works(site),
            exports={
                "ANCLA_CONSUL_ADDRESS": address,
                "ANCLA_CONSUL_CA": str(pki.authority(site).certificate),
                "ANCLA_CONSUL_PEER": f"{HOST_IP}/32",
                "ANCLA_CONSUL_TOKEN_FILE": str(files(site).ancla_token),
            },
        ),
    )
