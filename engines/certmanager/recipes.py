"""cert-manager's programs, the objects that they keep, and the images that hold the programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines.build import GoBuild
from engines.commands import run
from engines.errors import Trouble
from engines.oci import OciImage
from engines.recipes import Bench, Recipe

HERE = Path(__file__).parent
VERSION = "1.19.4"
"""The newest line that is made with the libraries of the Kubernetes that runs here."""
LICENCE = "Apache-2.0"
MODULE = "github.com/cert-manager/cert-manager"
LDFLAGS = f"-s -w -X {MODULE}/pkg/util.AppVersion=v{VERSION}"
IMAGE_NAME = f"localhost/cert-manager:{VERSION}"
SOLVER_IMAGE_NAME = f"localhost/cert-manager-acmesolver:{VERSION}"
DEFINITIONS = "definitions.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFiles:
    """Joins files of a Go module that the recipe's own builds upon into one, in the order of their names."""

    module: str
    pattern: str
    joined: str

    def run(self, bench: Bench) -> None:
        environment = {"GOFLAGS": "-mod=readonly", "GOWORK": "off"}
        words = ["go", "list", "-m", "-f", "{{.Dir}}", self.module]
        folder = Path(run(words, folder=bench.sources, environment=environment).strip())
        found = sorted(folder.glob(self.pattern))
        if not found:
            raise Trouble(f"the module {self.module} has no files like {self.pattern}", "its layout changed: look where they are now")
        (bench.out / self.joined).write_text("---\n".join(path.read_text() for path in found))


PROGRAMS = Recipe(
    name="cert-manager",
    version=VERSION,
    licence=LICENCE,
    folder=HERE,
    actions=(
        GoBuild(binary="cert-manager", ldflags=LDFLAGS),
        GoBuild(binary="acmesolver", package="./acmesolver", ldflags=LDFLAGS),
        ModuleFiles(module=MODULE, pattern="deploy/crds/*.yaml", joined=DEFINITIONS),
        OciImage(
            archive="cert-manager",
            name=IMAGE_NAME,
            entrypoint=("/bin/cert-manager",),
            files=(("cert-manager", "/bin/cert-manager"),),
        ),
        OciImage(archive="acmesolver", name=SOLVER_IMAGE_NAME, entrypoint=("/bin/acmesolver",), files=(("acmesolver", "/bin/acmesolver"),)),
    ),
)
