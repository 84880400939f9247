"""Two workspaces: `walls` as Ancla makes it, and `field`, whose network policies were taken away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.manifests.surroundings import surroundings_of
from tests.contracts.engines_home import engine_environment, engine_settings
from tests.contracts.oci import real_registry
from tests.contracts.real_builder import token_endpoint
from tests.contracts.real_vault import opened_vault, vault_settings
from tests.engines.isolation.images import Shelf
from tests.engines.isolation.town import Service, Town
from tests.engines.running import running_site


@dataclass(frozen=True)
class Streets:
    """Who lives where. `home` is the one that tries to get elsewhere."""

    home: Service
    same_environment: Service
    another_environment: Service
    another_project: Service
    field: Service
    field_beside: Service


@pytest.fixture(scope="session")
def town() -> Iterator[Town]:
    site, environment, settings = running_site(), engine_environment(), engine_settings()
    repository, _, tag = environment["ANCLA_ENGINES_BASE_IMAGE"].partition("/")[2].rpartition(":")
    registry = real_registry(settings)
    town = Town(
        site=site,
        kubeconfig=Path(environment["ANCLA_KUBECONFIG"]),
        vault=opened_vault(vault_settings()),
        shelf=Shelf(registry, repository, tag),
        around=surroundings_of(settings),
    )
    with token_endpoint(environment["ANCLA_REGISTRY_REALM"], registry):
        yield town
        town.clear()


@pytest.fixture(scope="session")
def streets(town: Town) -> Streets:
    made = Streets(
        home=town.move_in("walls", "shop", "prod", "api"),
        same_environment=town.move_in("walls", "shop", "prod", "db"),
        another_environment=town.move_in("walls", "shop", "staging", "api"),
        another_project=town.move_in("walls", "blog", "prod", "api"),
        field=town.move_in("field", "shop", "prod", "api"),
        field_beside=town.move_in("field", "blog", "prod", "api"),
    )
    town.settle()
    made.field.room.kubectl("delete", "networkpolicies", "--all")
    return made
