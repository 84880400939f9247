"""Puts an OCI archive into the registry, by the registry's own protocol."""

from __future__ import annotations

import http.client
import json
import ssl
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

from engines import pki
from engines.errors import Trouble
from engines.kubernetes.network import HOST_IP
from engines.registry.settings import PORT
from engines.registry.tokens import server, token_for
from engines.site import Site

PATIENCE = 120.0
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def holds(site: Site, repository: str, tag: str) -> bool:
    """Whether the tag is there."""
    try:
        token = token_for(site, {repository: ["pull"]})
        return server(site, token).accepting(MANIFEST).answers(f"/v2/{repository}/manifests/{tag}")
    except Trouble:
        return False


def ensure_pushed(site: Site, archive: Path, repository: str, tag: str) -> None:
    """Makes the tag name the image in the archive; what the registry has already is not sent again."""
    pusher = _Pusher(pki.authority(site).certificate, token_for(site, {repository: ["pull", "push"]}), repository)
    with tarfile.open(archive) as tar:
        digest = json.load(_member(tar, "index.json"))["manifests"][0]["digest"]
        text = _member(tar, _path(digest)).read()
        if pusher.has(f"manifests/{digest}") and pusher.digest_of(tag) == digest:
            return
        manifest = json.loads(text)
        for blob in (manifest["config"], *manifest["layers"]):
            if not pusher.has(f"blobs/{blob['digest']}"):
                pusher.upload(blob, _member(tar, _path(blob["digest"])))
    pusher.put_manifest(tag, text)


@dataclass(frozen=True, slots=True)
class _Pusher:
    ca: Path
    token: str
    repository: str

    def has(self, path: str) -> bool:
        return self._send("HEAD", self._url(path)).status == http.client.OK

    def digest_of(self, tag: str) -> str:
        return self._send("HEAD", self._url(f"manifests/{tag}")).getheader("Docker-Content-Digest", "")

    def upload(self, blob: Mapping[str, Any], content: IO[bytes]) -> None:
        begun = self._accepted(self._send("POST", self._url("blobs/uploads/")), http.client.ACCEPTED)
        parts = urlsplit(begun.getheader("Location", ""))
        digest = urlencode({"digest": blob["digest"]})
        target = f"{parts.path}?{parts.query}&{digest}" if parts.query else f"{parts.path}?{digest}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(blob["size"])}
        self._accepted(self._send("PUT", target, content, headers), http.client.CREATED)

    def put_manifest(self, tag: str, text: bytes) -> None:
        self._accepted(self._send("PUT", self._url(f"manifests/{tag}"), text, {"Content-Type": MANIFEST}), http.client.CREATED)

    def _url(self, path: str) -> str:
        return f"/v2/{self.repository}/{path}"

    def _accepted(self, response: http.client.HTTPResponse, status: int) -> http.client.HTTPResponse:
        if response.status != status:
            raise Trouble(f"the registry answers {response.status} to a push to {self.repository}", "make engines-logs NAME=registry")
        return response

    def _send(
        self, method: str, path: str, body: bytes | IO[bytes] | None = None, headers: Mapping[str, str] | None = None
    ) -> http.client.HTTPResponse:
        context = ssl.create_default_context(cafile=str(self.ca))
        connection = http.client.HTTPSConnection(HOST_IP, PORT, timeout=PATIENCE, context=context)
        try:
            sent = {"Authorization": f"Bearer {self.token}", "Accept": MANIFEST, **(headers or {})}
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            response.read()
            return response
        except (OSError, http.client.HTTPException) as error:
            raise Trouble(f"the registry does not answer {method} {path}: {error!r}", "make engines-status") from error
        finally:
            connection.close()


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    member = tar.extractfile(name)
    if member is None:
        raise Trouble(f"{tar.name!r} has no {name}: it is no OCI archive", "remove it from the cache, then make engines")
    return member
