"""Images that containerd has without a registry."""

from __future__ import annotations

from engines.commands import run
from engines.kubernetes.paths import Paths
from engines.recipes import Recipe
from engines.site import Site
from engines.supervisor import enter_node

NAMESPACE = "k8s.io"
"""Where the kubelet looks for images."""


def ctr(site: Site, *words: str) -> list[str]:
    """The command line of containerd's client. It runs inside the node, where the mounts are that it may ask for."""
    return [*enter_node(site), "/usr/bin/ctr", "--address", str(Paths.of(site).containerd_socket), "--namespace", NAMESPACE, *words]


def ensure_image(site: Site, recipe: Recipe, archive: str, name: str) -> None:
    """Imports a built image unless containerd has just that digest under its name."""
    built = recipe.built(site.cache)
    wanted = (built / f"{archive}.digest").read_text()
    if _digest_of(site, name) != wanted:
        run(ctr(site, "images", "import", str(built / f"{archive}.tar")))


def _digest_of(site: Site, name: str) -> str:
    """Empty if there is no image of that name."""
    lines = run(ctr(site, "images", "list", f"name=={name}")).splitlines()[1:]  # below the headings: REF TYPE DIGEST …
    return lines[0].split()[2] if lines else ""
