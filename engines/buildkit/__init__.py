"""BuildKit in a pod of the cluster, from the manifests that users' clusters get, and the place where build jobs run."""

from __future__ import annotations

from engines.buildkit.pod import define
from engines.buildkit.recipes import IMAGE, PROGRAMS
from engines.debian import Package
from engines.recipes import Recipe

__all__ = ["PACKAGES", "RECIPES", "define"]

PACKAGES: tuple[Package, ...] = (Package("mmdebstrap", "MIT"),)
RECIPES: tuple[Recipe, ...] = (PROGRAMS, IMAGE)
