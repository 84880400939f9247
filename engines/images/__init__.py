"""The images that a set of engines begins with: what the node has without a registry, and what users' Dockerfiles build upon."""

from __future__ import annotations

from pathlib import Path

from engines import envconsul
from engines.buildkit.recipes import IMAGE as BUILDKIT
from engines.buildkit.recipes import IMAGE_NAME as BUILDKIT_NAME
from engines.commands import run
from engines.debian import Package
from engines.engine import Engine
from engines.errors import Trouble
from engines.kubernetes.containerd import ctr, ensure_image
from engines.recipes import Recipe
from engines.registry.push import ensure_pushed, holds
from engines.registry.settings import ADDRESS
from engines.rootfs import DebianImage
from engines.site import Site

VERSION = "12"
REPOSITORY, TAG = "base/python", "3.11"
NODE_NAME = f"localhost/python:{TAG}"
"""The same image on the node, for pods that are to start without the registry."""
REFERENCE = f"{ADDRESS}/{REPOSITORY}:{TAG}"

BASE = Recipe(
    name="base-image",
    version=f"Debian {VERSION}",
    licence="by package",
    folder=Path(__file__).parent,
    sources=(),
    actions=(DebianImage(archive="base", name=NODE_NAME, packages=("ca-certificates", "python-is-python3", "python3")),),
)
IMPORTED = ((BASE, "base", NODE_NAME), (BUILDKIT, "buildkit", BUILDKIT_NAME), (envconsul.IMAGE, "envconsul", envconsul.IMAGE_NAME))
"""Recipe, archive and name of what the node has without a registry."""

PACKAGES: tuple[Package, ...] = (Package("mmdebstrap", "MIT"),)
RECIPES: tuple[Recipe, ...] = (BASE,)


def define(site: Site) -> tuple[Engine, ...]:
    return (
        Engine(
            name="images",
            version=f"Debian {VERSION}",
            licence="by package",
            needs=("registry", "containerd"),
            address=REFERENCE,
            before=lambda: _bring_in(site),
            ready=lambda: holds(site, REPOSITORY, TAG) and _node_holds(site),
            exports={
                "ANCLA_ENGINES_BASE_IMAGE": REFERENCE,
                "ANCLA_TEST_IMAGE": NODE_NAME,
                "ANCLA_BUILDKIT_IMAGE": BUILDKIT_NAME,
                "ANCLA_ENVCONSUL_IMAGE": envconsul.IMAGE_NAME,
            },
        ),
    )


def _bring_in(site: Site) -> None:
    for recipe, archive, name in IMPORTED:
        ensure_image(site, recipe, archive, name)
    ensure_pushed(site, BASE.built(site.cache) / "base.tar", REPOSITORY, TAG)


def _node_holds(site: Site) -> bool:
    try:
        held = run(ctr(site, "images", "list", "--quiet")).split()
    except Trouble:
        return False
    return all(name in held for _, _, name in IMPORTED)
