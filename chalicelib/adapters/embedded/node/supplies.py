"""What a pod needs before it can start: its image's files, and its secrets as its own account reads them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Protocol

from chalicelib.domain.secrets import Secret


class ImageMissing(Exception):
    """The image cannot be had: it is not there, or the pull secret does not open it."""


class SecretsDenied(Exception):
    """The vault gives the account nothing under that path."""


class Supplies(Protocol):
    def image(self, repository: str, digest: str, password: Secret) -> Path:
        """The folder with the image's files. Raises ImageMissing."""

    def secrets(self, namespace: str, account: str, path: str) -> Mapping[str, Secret]:
        """The entry at the path. Raises SecretsDenied."""


class EmbeddedSupplies:
    """From the registry and the vault of the embedded family in the same home."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def image(self, repository: str, digest: str, password: Secret) -> Path:
        from chalicelib.adapters.embedded.registry import EmbeddedRegistry, NoSuchImage, PullDenied

        try:
            return EmbeddedRegistry(self._home).open_image(repository, digest, password)
        except NoSuchImage as error:
            raise ImageMissing(f"the image {repository}@{digest[:19]}… is not in the registry") from error
        except PullDenied as error:
            raise ImageMissing(f"the registry does not give {repository}@{digest[:19]}… to this service: {error.message}") from error

    def secrets(self, namespace: str, account: str, path: str) -> Mapping[str, Secret]:
        from chalicelib.adapters.embedded.vault import EmbeddedVault, VaultDenied

        with closing(EmbeddedVault(self._home)) as vault:
            try:
                entry = vault.read_as(namespace, account, path)
            except VaultDenied as error:
                raise SecretsDenied(f"the vault denies {account!r} the entry {path!r}") from error
        if entry is None:
            raise SecretsDenied(f"the vault has no entry {path!r}")
        return entry
