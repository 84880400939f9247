"""Images that a node can really run, in the repositories of services: the base image, under another user."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from urllib3 import BaseHTTPResponse, PoolManager

from chalicelib.domain.registry import PULL, PUSH, Access
from tests.contracts.oci import MANIFEST, RealRegistry, digest_of, now

USER = "65534"
"""By its number, as the cluster wants it: it cannot look into an image for a name."""


@dataclass(frozen=True)
class Shelf:
    """A real registry, and the repository whose image the others are made of."""

    registry: RealRegistry
    base: str
    tag: str

    def put(self, repository: str, mark: str) -> str:
        """The base image once more, with a mark that makes it one of its own; returns its digest."""
        self.registry.pushed.add(repository)
        manifest = self._read(f"manifests/{self.tag}")
        config = self._read(f"blobs/{manifest['config']['digest']}")
        for layer in manifest["layers"]:
            self._ask("POST", repository, f"{repository}/blobs/uploads/?mount={layer['digest']}&from={self.base}", 201)
        config["config"] = {**config.get("config", {}), "User": USER, "Labels": {"mark": mark}}
        manifest["config"] |= self._upload(repository, json.dumps(config).encode())
        body = json.dumps(manifest).encode()
        self._ask("PUT", repository, f"{repository}/manifests/{mark}", 201, body, manifest.get("mediaType", MANIFEST))
        return digest_of(body)

    def _upload(self, repository: str, blob: bytes) -> dict[str, Any]:
        digest = digest_of(blob)
        started = self._ask("POST", repository, f"{repository}/blobs/uploads/", 202)
        path = started.headers["Location"].partition("/v2/")[2]
        self._ask("PUT", repository, f"{path}{'&' if '?' in path else '?'}digest={digest}", 201, blob, "application/octet-stream")
        return {"digest": digest, "size": len(blob)}

    def _read(self, what: str) -> Any:
        return json.loads(self._ask("GET", self.base, f"{self.base}/{what}", 200).data)

    def _ask(self, method: str, repository: str, path: str, wanted: int, body: bytes = b"", kind: str = "") -> BaseHTTPResponse:
        access = [Access(repository, (PULL, PUSH)), Access(self.base, (PULL,))]
        token = self.registry.tokens.make_token("test", access, now=now(), good_for=timedelta(minutes=1)).token
        headers = {"Authorization": f"Bearer {token.reveal()}", "Accept": MANIFEST, **({"Content-Type": kind} if kind else {})}
        http = PoolManager(ca_certs=str(self.registry.settings.ca), retries=False, timeout=10)
        answer = http.request(method, f"https://{self.registry.settings.address}/v2/{path}", body=body, headers=headers)
        assert answer.status == wanted, answer.data
        return answer
