"""metrics-server in a pod: what pods and the node use of processor and memory, as an API of the cluster."""

from __future__ import annotations

from engines.debian import Package
from engines.metrics.engine import define
from engines.metrics.recipes import PROGRAM
from engines.recipes import Recipe

__all__ = ["PACKAGES", "RECIPES", "define"]

PACKAGES: tuple[Package, ...] = ()
RECIPES: tuple[Recipe, ...] = (PROGRAM,)
