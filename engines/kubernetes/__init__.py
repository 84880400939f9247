"""A real one-node Kubernetes cluster, without Docker."""

from __future__ import annotations

from engines.engine import Engine
from engines.kubernetes.addons import addons
from engines.kubernetes.control_plane import control_plane
from engines.kubernetes.node import node_engine
from engines.kubernetes.recipes import PACKAGES, RECIPES
from engines.kubernetes.workers import workers
from engines.site import Site

__all__ = ["PACKAGES", "RECIPES", "define"]


def define(site: Site) -> tuple[Engine, ...]:
    return (node_engine(site), *control_plane(site), *workers(site), *addons(site))
