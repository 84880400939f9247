"""The private registry: distribution with TLS, and tokens that Ancla signs. Nobody pulls or pushes without one."""

from __future__ import annotations

from engines import pki
from engines.debian import Package
from engines.engine import Engine
from engines.recipes import Recipe
from engines.registry.settings import ADDRESS, ISSUER, REALM, SERVICE, authority, files, signer, write_configuration
from engines.registry.tokens import takes_tokens
from engines.site import Site

PACKAGES: tuple[Package, ...] = (Package("docker-registry", "Apache-2.0"),)
RECIPES: tuple[Recipe, ...] = ()
VERSION = "2.8.2"


def define(site: Site) -> tuple[Engine, ...]:
    return (
        Engine(
            name="registry",
            version=VERSION,
            licence="Apache-2.0",
            address=f"https://{ADDRESS}",
            argv=("/usr/bin/docker-registry", "serve", str(files(site).configuration)),
            reads=(files(site).configuration, pki.certificate(site, "registry").certificate),
            needs=(pki.NAME, "node"),
            before=lambda: write_configuration(site),
            ready=lambda: takes_tokens(site),
            exports={
                "ANCLA_REGISTRY_ADDRESS": ADDRESS,
                "ANCLA_REGISTRY_CA": str(pki.authority(site).certificate),
                "ANCLA_REGISTRY_REALM": REALM,
                "ANCLA_REGISTRY_SERVICE": SERVICE,
                "ANCLA_REGISTRY_ISSUER": ISSUER,
                "ANCLA_REGISTRY_SIGNING_KEY": str(signer(site).key),
                "ANCLA_REGISTRY_SIGNING_CERT": str(signer(site).certificate),
                "ANCLA_REGISTRY_SIGNING_CA": str(authority(site).certificate),
            },
        ),
    )
