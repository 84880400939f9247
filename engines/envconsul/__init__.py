"""The stand-in for envconsul, and the image that it is copied from: a program that pods start with, no server."""

from __future__ import annotations

from pathlib import Path

from engines.build import GoBuild
from engines.debian import Package
from engines.engine import Engine
from engines.oci import OciImage
from engines.recipes import Recipe
from engines.site import Site

HERE = Path(__file__).parent
VERSION = "0.41.1"
"""Of consul-template, the library that does the work here as it does in the original."""
IMAGE_NAME = f"localhost/envconsul:{VERSION}"

PROGRAM = Recipe(
    name="envconsul",
    version=VERSION,
    licence="MPL-2.0",
    folder=HERE,
    actions=(GoBuild(binary="envconsul"), GoBuild(binary="copy", package="./copy")),
)
IMAGE = Recipe(
    name="envconsul-image",
    version=VERSION,
    licence="MPL-2.0",
    folder=HERE,
    sources=(),
    needs=(PROGRAM,),
    actions=(
        OciImage(
            archive="envconsul",
            name=IMAGE_NAME,
            entrypoint=("/bin/envconsul",),
            # Nothing else is in it: pods copy the one with the other.
            files=(("envconsul:envconsul", "/bin/envconsul"), ("envconsul:copy", "/bin/cp")),
        ),
    ),
)
PACKAGES: tuple[Package, ...] = ()
RECIPES: tuple[Recipe, ...] = (PROGRAM, IMAGE)


def define(site: Site) -> tuple[Engine, ...]:
    return ()
