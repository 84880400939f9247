"""cert-manager in pods, and the issuer that Ingresses name: its certificates come from the set's own ACME server."""

from __future__ import annotations

from engines.certmanager.engine import define
from engines.certmanager.recipes import PROGRAMS
from engines.debian import Package
from engines.recipes import Recipe

__all__ = ["PACKAGES", "RECIPES", "define"]

PACKAGES: tuple[Package, ...] = ()
RECIPES: tuple[Recipe, ...] = (PROGRAMS,)
