"""The engine: applied to the cluster, and ready when it answers over mutual TLS."""

from __future__ import annotations

from engines import pki
from engines.buildkit.overlay import PORT, SERVICE_IP, SOURCE_PORT, overlay, write_overlay
from engines.buildkit.recipes import IMAGE_NAME, PROGRAMS, VERSION
from engines.commands import succeeds
from engines.engine import Engine
from engines.kubernetes.client import apply, kubectl
from engines.kubernetes.network import HOST_IP
from engines.site import Site

ADDRESS = f"tcp://{SERVICE_IP}:{PORT}"


def define(site: Site) -> tuple[Engine, ...]:
    certificates = overlay(site)
    return (
        Engine(
            name="buildkitd",
            version=VERSION,
            licence="Apache-2.0",
            address=ADDRESS,
            needs=(pki.NAME, "images", "apiserver", "kubelet", "kube-proxy", "network-policy", "dns"),
            before=lambda: apply(site, kubectl(site, "kustomize", str(write_overlay(site, IMAGE_NAME)))),
            ready=lambda: succeeds([*buildctl(site), "debug", "workers"]),
            ready_within=120,
            exports={
                "ANCLA_BUILDKIT_ADDRESS": ADDRESS,
                "ANCLA_BUILDKIT_CA": str(certificates.ca),
                "ANCLA_BUILDKIT_CERT": str(certificates.client.certificate),
                "ANCLA_BUILDKIT_KEY": str(certificates.client.key),
                "ANCLA_BUILDKIT_NAMESPACE": "ancla-builds",
                "ANCLA_ENGINES_BUILDCTL": buildctl(site)[0],
                "ANCLA_ENGINES_SOURCE": f"{HOST_IP}:{SOURCE_PORT}",
            },
        ),
    )


def buildctl(site: Site) -> list[str]:
    """The words in front of a buildctl command."""
    made = overlay(site)
    return [
        str(PROGRAMS.built(site.cache) / "buildctl"),
        f"--addr={ADDRESS}",
        f"--tlscacert={made.ca}",
        f"--tlscert={made.client.certificate}",
        f"--tlskey={made.client.key}",
        "--timeout=5",
    ]
