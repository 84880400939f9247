"""BuildKit's programs, and the image that holds them for the pod and for build jobs."""

from __future__ import annotations

from pathlib import Path

from engines.build import GoBuild
from engines.recipes import Recipe
from engines.rootfs import DebianImage

HERE = Path(__file__).parent
VERSION = "0.34.2"
MODULE = "github.com/moby/buildkit"
LDFLAGS = f"-s -w -X {MODULE}/version.Version=v{VERSION} -X {MODULE}/version.Package={MODULE}"
IMAGE_NAME = f"localhost/buildkit:{VERSION}"

PROGRAMS = Recipe(
    name="buildkit",
    version=VERSION,
    licence="Apache-2.0",
    folder=HERE,
    actions=(
        GoBuild(binary="buildkitd", package=f"{MODULE}/cmd/buildkitd", ldflags=LDFLAGS),
        GoBuild(binary="buildctl", package=f"{MODULE}/cmd/buildctl", ldflags=LDFLAGS),
    ),
)
IMAGE = Recipe(
    name="buildkit-image",
    version=VERSION,
    licence="Apache-2.0, and by package",
    folder=HERE,
    sources=(),
    needs=(PROGRAMS,),
    actions=(
        DebianImage(
            archive="buildkit",
            name=IMAGE_NAME,
            packages=("ca-certificates", "containernetworking-plugins", "git", "iptables", "runc"),
            files=(("buildkit:buildkitd", "/usr/bin/buildkitd"), ("buildkit:buildctl", "/usr/bin/buildctl")),
            entrypoint=("buildkitd",),
        ),
    ),
)
