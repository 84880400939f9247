"""Helm: no server, but what many would deploy with instead. The figures of `make bench-engines` are held against it."""

from __future__ import annotations

from pathlib import Path

from engines.build import GoBuild
from engines.debian import Package
from engines.engine import Engine
from engines.recipes import Recipe
from engines.site import Site

VERSION = "3.19.5"
"""The newest of the line that is made for the cluster's own version of Kubernetes."""
MODULE = "helm.sh/helm/v3"
RECIPE = Recipe(
    name="helm",
    version=VERSION,
    licence="Apache-2.0",
    folder=Path(__file__).parent,
    actions=(
        GoBuild(
            binary="helm",
            package=f"{MODULE}/cmd/helm",
            ldflags=f"-s -w -X {MODULE}/internal/version.version=v{VERSION}",
        ),
    ),
)
PACKAGES: tuple[Package, ...] = ()
RECIPES: tuple[Recipe, ...] = (RECIPE,)


def program(site: Site) -> Path:
    """Where it is, once it is built."""
    return RECIPE.built(site.cache) / "helm"


def define(site: Site) -> tuple[Engine, ...]:
    """Nothing of it runs."""
    return ()
