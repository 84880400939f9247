"""The node for the cluster's contract: the real one, with a folder in place of registry and vault."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from chalicelib.adapters.embedded.node.__main__ import parse_arguments
from chalicelib.adapters.embedded.node.server import serve
from chalicelib.adapters.embedded.node.supplies import ImageMissing, SecretsDenied
from chalicelib.domain.secrets import Secret
from tests.contracts.cluster_samples import MISSING_DIGEST, SECRET_PATH


class FolderSupplies:
    """Every image is the folder `$home/image`, and the vault has one entry."""

    def __init__(self, home: Path) -> None:
        self._image = home / "image"

    def image(self, repository: str, digest: str, password: Secret) -> Path:
        if digest == MISSING_DIGEST:
            raise ImageMissing(f"the image {repository}@{digest[:19]}… is not in the registry")
        return self._image

    def secrets(self, namespace: str, account: str, path: str) -> Mapping[str, Secret]:
        if path != SECRET_PATH:
            raise SecretsDenied(f"the vault denies {account!r} the entry {path!r}")
        return {"TOKEN": Secret(f"for {namespace}/{account}")}


if __name__ == "__main__":
    arguments = parse_arguments()
    sys.exit(serve(arguments.home, arguments.host, arguments.router_port, FolderSupplies(arguments.home)))
