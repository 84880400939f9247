"""Addresses and snapshots that the tests of the renderers share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from chalicelib.domain.addresses import Address, Level
from chalicelib.domain.builds import Image
from chalicelib.domain.hierarchy import Workspace
from chalicelib.domain.secrets import Secret
from chalicelib.domain.snapshots import FrozenVariable, Snapshot
from chalicelib.ports.registry import PullGrant

SHOP = Address("acme", "shop", "production", "api")
AWKWARD = Address("acme-inc", "web-shop", "pull-request-17", "9-" + "lives-" * 10 + "x")
SERVICE_ID = "5b0c3f0e-8a54-4d0e-9a2b-0a6f4f3c2d10"
PASSWORD = "pull-password-that-must-not-show"
DIGEST = "sha256:" + "c0ffee11" * 8
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

FULL_PROCESSES = {"web": "gunicorn app:app --bind 0.0.0.0:$PORT", "worker": '["celery", "worker"]', "release": "./manage migrate && ./seed"}
FULL_CONFIG = {
    "GREETING": FrozenVariable(value="cost: $$5 $(NOW) $HOME", owner="acme", level=Level.WORKSPACE),
    "DEBUG": FrozenVariable(value="", owner="acme/shop", level=Level.PROJECT),
    "DATABASE_URL": FrozenVariable(secret=True, scope_id="scope-1", vault_version=3, owner="acme/shop/production", level=Level.ENVIRONMENT),
}


def plain(value: str) -> FrozenVariable:
    return FrozenVariable(value=value, owner="acme", level=Level.WORKSPACE)


def make_snapshot(
    processes: Mapping[str, str] | None = None,
    config: Mapping[str, FrozenVariable] | None = None,
    *,
    health_check_path: str = "/_health/",
    deployment_timeout: int = 180,
) -> Snapshot:
    image = Image(repository="registry.test/acme/shop", digest=DIGEST, processes={"web": "./serve"} if processes is None else processes)
    return Snapshot(
        image=image,
        build=7,
        commit="4f2d" * 10,
        config=config or {},
        health_check_path=health_check_path,
        deployment_timeout=deployment_timeout,
    )


def full_snapshot() -> Snapshot:
    return make_snapshot(FULL_PROCESSES, FULL_CONFIG, health_check_path="/healthz", deployment_timeout=90)


def make_workspace(slug: str = "acme") -> Workspace:
    return Workspace(id="0f8f4a52-1111-4222-8333-444455556666", slug=slug, name="Acme", created=AT, updated=AT)


def make_grant() -> PullGrant:
    return PullGrant(server="registry.test", username="ancla", password=Secret(PASSWORD), expires=AT)
