"""Pushes to a real registry, as a build does: with a token for that very repository."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from urllib3 import BaseHTTPResponse, PoolManager

from chalicelib.adapters.registry import OciRegistry
from chalicelib.adapters.registry_tokens import SignedTokens
from chalicelib.domain.registry import PULL, PUSH, Access
from chalicelib.domain.secrets import Secret
from chalicelib.settings import RegistrySettings, Settings

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class RealRegistry:
    settings: RegistrySettings
    tokens: SignedTokens
    registry: OciRegistry
    pushed: set[str] = field(default_factory=set)

    def push(self, repository: str, number: int, content: str) -> str:
        """An image of one file, tagged as the build's; returns its digest."""
        self.pushed.add(repository)
        config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        blobs = {CONFIG: config, LAYER: content.encode()}
        described = {kind: {"mediaType": kind, "digest": digest_of(blob), "size": len(blob)} for kind, blob in blobs.items()}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[CONFIG], "layers": [described[LAYER]]}
        for blob in blobs.values():
            started = self._ask("POST", repository, f"/v2/{repository}/blobs/uploads/", 202)
            path = started.headers["Location"].partition(self.settings.address)[2] or started.headers["Location"]
            self._ask(
                "PUT", repository, f"{path}{'&' if '?' in path else '?'}digest={digest_of(blob)}", 201, blob, "application/octet-stream"
            )
        body = json.dumps(manifest).encode()
        answer = self._ask("PUT", repository, f"/v2/{repository}/manifests/v{number}", 201, body, MANIFEST)
        assert answer.headers["Docker-Content-Digest"] == digest_of(body)
        return digest_of(body)

    def pull(self, repository: str, digest: str, token: Secret | None) -> int:
        """The status that a manifest is answered with."""
        headers = {"Authorization": f"Bearer {token.reveal()}"} if token else {}
        url = f"https://{self.settings.address}/v2/{repository}/manifests/{digest}"
        return self._http().request("GET", url, headers={"Accept": MANIFEST, **headers}).status

    def clear(self) -> None:
        for repository in self.pushed:
            self.registry.remove(repository)

    def _ask(self, method: str, repository: str, path: str, wanted: int, body: bytes = b"", kind: str = "") -> BaseHTTPResponse:
        token = self.tokens.make_token("test", [Access(repository, (PULL, PUSH))], now=now(), good_for=timedelta(minutes=1)).token
        headers = {"Authorization": f"Bearer {token.reveal()}", **({"Content-Type": kind} if kind else {})}
        answer = self._http().request(method, f"https://{self.settings.address}{path}", body=body, headers=headers)
        assert answer.status == wanted, answer.data
        return answer

    def _http(self) -> PoolManager:
        return PoolManager(ca_certs=str(self.settings.ca), retries=False, timeout=10)


def real_registry(settings: Settings) -> RealRegistry:
    chosen = settings.registry
    assert chosen is not None
    tokens = SignedTokens(issuer=chosen.issuer, service=chosen.service, key=chosen.signing_key, certificate=chosen.signing_certificate)
    return RealRegistry(chosen, tokens, OciRegistry(chosen.address, tokens, ca=chosen.ca, now=now))


def digest_of(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
