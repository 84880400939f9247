"""All engines, by family. One line for each room."""

from __future__ import annotations

from engines import buildkit, certmanager, cluster, consul, envconsul, helm, images, kubernetes, metrics, pebble, pki, registry, vault
from engines.debian import Package
from engines.engine import Engine
from engines.recipes import Recipe
from engines.site import Site

ROOMS = (kubernetes, pki, vault, consul, registry, envconsul, images, buildkit, pebble, certmanager, metrics, cluster, helm)
PACKAGES: tuple[Package, ...] = tuple(package for room in ROOMS for package in room.PACKAGES)
RECIPES: tuple[Recipe, ...] = tuple(recipe for room in ROOMS for recipe in room.RECIPES)


def define(site: Site) -> tuple[Engine, ...]:
    """Every engine of a set whose state is in the site's home. Pure: nothing is started or written."""
    return tuple(engine for room in ROOMS for engine in room.define(site))
