"""metrics-server, and the image that holds it."""

from __future__ import annotations

from pathlib import Path

from engines.build import GoBuild
from engines.oci import OciImage
from engines.recipes import Recipe

HERE = Path(__file__).parent
VERSION = "0.8.0"
LICENCE = "Apache-2.0"
IMAGE_NAME = f"localhost/metrics-server:{VERSION}"

PROGRAM = Recipe(
    name="metrics-server",
    version=VERSION,
    licence=LICENCE,
    folder=HERE,
    actions=(
        GoBuild(
            binary="metrics-server",
            package="sigs.k8s.io/metrics-server/cmd/metrics-server",
            ldflags=f"-s -w -X k8s.io/client-go/pkg/version.gitVersion=v{VERSION}",
        ),
        OciImage(
            archive="metrics-server",
            name=IMAGE_NAME,
            entrypoint=("/metrics-server",),
            files=(("metrics-server", "/metrics-server"),),
        ),
    ),
)
