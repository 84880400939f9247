"""Vault: sealed storage in files, TLS, one KV v2 mount for Ancla, logins for Ancla (AppRole) and for pods (service accounts)."""

from __future__ import annotations

from pathlib import Path

from engines import pki
from engines.build import GoBuild
from engines.debian import Package
from engines.engine import Engine
from engines.kubernetes.network import HOST_IP
from engines.recipes import Recipe
from engines.site import Site
from engines.vault.cluster import ensure_pod_login, pods_can_log_in
from engines.vault.operator import ensure_unsealed, server
from engines.vault.settings import MOUNT, PORT, files, write_configuration
from engines.vault.setup import ensure_set_up

VERSION = "1.13.1"
LICENCE = "MPL-2.0"
RECIPE = Recipe(
    name="vault",
    version=VERSION,
    licence=LICENCE,
    folder=Path(__file__).parent,
    actions=(GoBuild(binary="vault", package="github.com/hashicorp/vault"),),
)
PACKAGES: tuple[Package, ...] = ()
RECIPES: tuple[Recipe, ...] = (RECIPE,)


def define(site: Site) -> tuple[Engine, ...]:
    address = f"https://{HOST_IP}:{PORT}"
    return (
        Engine(
            name="vault",
            version=VERSION,
            licence=LICENCE,
            address=address,
            argv=(str(RECIPE.built(site.cache) / "vault"), "server", f"-config={files(site).configuration}"),
            # A database driver that is linked in parses an old certificate at start, and panics over its negative serial number.
            environment={"GODEBUG": "x509negativeserial=1"},
            reads=(files(site).configuration, pki.certificate(site, "vault").certificate),
            needs=(pki.NAME, "node"),
            before=lambda: write_configuration(site),
            answers=lambda: server(site).answers("/v1/sys/seal-status"),
            after=lambda: _bring_up(site),
            ready=lambda: server(site).answers("/v1/sys/health"),
            exports={
                "ANCLA_VAULT_ADDRESS": address,
                "ANCLA_VAULT_CA": str(pki.authority(site).certificate),
                "ANCLA_VAULT_MOUNT": MOUNT,
                "ANCLA_VAULT_PEER": f"{HOST_IP}/32",
                "ANCLA_VAULT_ROLE_ID_FILE": str(files(site).role_id),
                "ANCLA_VAULT_SECRET_ID_FILE": str(files(site).secret_id),
            },
        ),
        Engine(
            name="vault-login",
            version=VERSION,
            licence=LICENCE,
            address="auth/kubernetes",
            needs=("vault", "apiserver", "controller-manager"),
            answers=lambda: server(site).answers("/v1/sys/health"),
            after=lambda: ensure_pod_login(site),
            ready=lambda: pods_can_log_in(site),
        ),
    )


def _bring_up(site: Site) -> None:
    ensure_unsealed(site)
    ensure_set_up(site)
