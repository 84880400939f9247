"""The embedded registry: frozen trees on disk, and credentials that open one repository."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chalicelib.adapters.embedded.disk import refuse_on_lambda, storage, write_once
from chalicelib.adapters.embedded.images import Images
from chalicelib.domain.secrets import Secret
from chalicelib.ports.registry import PullGrant

SERVER = "embedded"
GOOD_FOR = timedelta(days=30)
_FORM = "ancla-pull-v1"


class PullDenied(Exception):
    """The password does not open this repository (any more): `message` says why, never what it was."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NoSuchImage(Exception):
    """The repository has no image of that digest."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def _utc_now() -> datetime:
    return datetime.now(UTC)


class EmbeddedRegistry:
    """Implements the registry port below `home`, and `open_image` for the node, which pulls by it."""

    def __init__(self, home: Path, *, now: Callable[[], datetime] = _utc_now) -> None:
        refuse_on_lambda("registry")
        self._images = Images(home)
        self._key_file = home / "registry.key"
        self._now = now

    def has(self, repository: str, digest: str) -> bool:
        return self._images.has(repository, digest)

    def grant_pull(self, service_id: str, repository: str, *, now: datetime) -> PullGrant:
        expires = now + GOOD_FOR
        claims = {"service": service_id, "repository": repository, "expires": int(expires.timestamp())}
        body = base64.urlsafe_b64encode(json.dumps(claims, sort_keys=True).encode()).decode()
        password = f"{_FORM}.{body}.{self._signature(body)}"
        return PullGrant(server=SERVER, username=service_id, password=Secret(password), expires=expires)

    def remove_image(self, repository: str, digest: str, *, build: int) -> None:
        self._images.remove_image(repository, digest, number=build)

    def remove(self, repository: str) -> None:
        self._images.remove(repository)

    def put(self, tree: Path, repository: str, number: int) -> str:
        """Takes the folder `tree` (it is moved) for the repository's image `number` and returns its digest."""
        return self._images.put(tree, repository, number)

    def open_image(self, repository: str, digest: str, password: Secret) -> Path:
        """The folder with the image's files, for who holds a password for it. Raises PullDenied or NoSuchImage."""
        self._check(repository, password)
        if not self._images.has(repository, digest):
            raise NoSuchImage(f"{repository} has no image {digest}")
        return self._images.tree(digest)

    def _check(self, repository: str, password: Secret) -> None:
        form, _, rest = password.reveal().partition(".")
        body, _, signature = rest.partition(".")
        if form != _FORM or not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            raise PullDenied("the password for the registry is not one of its own")
        try:
            claims = json.loads(base64.urlsafe_b64decode(body))
        except (binascii.Error, ValueError) as error:
            raise PullDenied("the password for the registry cannot be read") from error
        if claims["repository"] != repository:
            raise PullDenied(f"the password for the registry does not open {repository}")
        if self._now().timestamp() >= claims["expires"]:
            raise PullDenied(f"the password for {repository} has expired")

    def _signature(self, body: str) -> str:
        return hmac.new(self._key(), f"{_FORM}.{body}".encode(), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        """The signing key; made with its first use, the same for all processes of this home."""
        if not self._key_file.exists():
            with storage(self._key_file.parent):
                write_once(self._key_file, secrets.token_bytes(32), mode=0o600)
        return self._key_file.read_bytes()
