"""What differs on this machine from the manifests of `engines/cluster`: images, addresses, and certificates. A kustomize overlay."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines import pki
from engines.certificates import Pair
from engines.files import ensure_text
from engines.kubernetes.network import HOST_IP
from engines.pki.secrets import ensure_secret
from engines.registry.settings import ADDRESS as REGISTRY
from engines.registry.settings import PORT as REGISTRY_PORT
from engines.site import Site

CLUSTER = Path(__file__).parents[1] / "cluster"
SERVICE_IP = "10.96.0.12"
"""Known in advance, so that the certificate can name it, and one address is right on the machine and in pods."""
PORT = 1234
API_PORT = 8700
"""Ancla's own: build jobs fetch their tokens there."""
SOURCE_PORT = 8710
"""Where a git server of tests may listen on the machine, so that BuildKit reaches it."""


@dataclass(frozen=True, slots=True)
class Overlay:
    folder: Path
    server: Pair
    client: Pair
    ca: Path


def overlay(site: Site) -> Overlay:
    server, client = pki.certificate(site, "buildkitd"), pki.certificate(site, "buildctl")
    return Overlay(site.room("buildkit") / "overlay", server, client, pki.authority(site).certificate)


def write_overlay(site: Site, image: str) -> Path:
    """The folder for `kubectl kustomize`. Secrets are copied into it: kustomize reads no file outside."""
    made = overlay(site)
    pki.ensure_server_certificate(site, "buildkitd", "DNS:buildkitd.buildkit.svc", f"IP:{SERVICE_IP}")
    pki.ensure_client_certificate(site, "buildctl")
    for pair in (made.server, made.client):
        ensure_secret(made.folder / f"{pair.name}.crt", pair.certificate.read_text())
        ensure_secret(made.folder / f"{pair.name}.key", pair.key.read_text())
    ensure_secret(made.folder / "ca.crt", made.ca.read_text())
    ensure_text(made.folder / "buildkitd.toml", render_settings((CLUSTER / "buildkit" / "buildkitd.toml").read_text()))
    bases = [os.path.relpath(CLUSTER / room, made.folder) for room in ("buildkit", "builds")]
    ensure_text(made.folder / "kustomization.yaml", json.dumps(render_overlay(bases, image), indent=2))
    return made.folder


def render_settings(base: str) -> str:
    """BuildKit's settings with this machine's registry added."""
    return f'{base}\n[registry."{REGISTRY}"]\n  http = false\n  ca = ["/etc/buildkit-registry/ca.pem"]\n'


def render_overlay(bases: list[str], image: str) -> dict[str, Any]:
    name, _, tag = image.rpartition(":")
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": bases,
        "images": [{"name": "moby/buildkit", "newName": name, "newTag": tag}],
        "configMapGenerator": [{"name": "buildkitd", "namespace": "buildkit", "behavior": "replace", "files": ["buildkitd.toml"]}],
        "secretGenerator": [
            _secret("buildkitd-tls", "buildkit", {"ca.pem": "ca.crt", "cert.pem": "buildkitd.crt", "key.pem": "buildkitd.key"}),
            _secret("registry-ca", "buildkit", {"ca.pem": "ca.crt"}),
            # Read by name, by the jobs that Ancla makes.
            _secret("buildkit-client", "ancla-builds", {"ca.pem": "ca.crt", "cert.pem": "buildctl.crt", "key.pem": "buildctl.key"})
            | {"options": {"disableNameSuffixHash": True}},
        ],
        "patches": [
            _patch("Service", "buildkitd", ("/spec/clusterIP", SERVICE_IP)),
            _patch("Deployment", "buildkitd", ("/spec/template/spec/containers/0/resources/requests", {"cpu": "100m", "memory": "256Mi"})),
            _patch(
                "NetworkPolicy",
                "buildkitd",
                ("/spec/ingress/0/from/-", _block(HOST_IP)),
                ("/spec/egress/-", _machine(REGISTRY_PORT, SOURCE_PORT)),
            ),
            _patch("NetworkPolicy", "builds", ("/spec/egress/-", _machine(API_PORT, REGISTRY_PORT))),
        ],
    }


def _secret(name: str, namespace: str, files: Mapping[str, str]) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "files": [f"{key}={file}" for key, file in files.items()]}


def _patch(kind: str, name: str, *added: tuple[str, object]) -> dict[str, Any]:
    operations = [{"op": "add", "path": path, "value": value} for path, value in added]
    return {"target": {"kind": kind, "name": name}, "patch": json.dumps(operations)}


def _block(address: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": f"{address}/32"}}


def _machine(*ports: int) -> dict[str, Any]:
    return {"to": [_block(HOST_IP)], "ports": [{"protocol": "TCP", "port": port} for port in ports]}
