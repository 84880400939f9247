"""Names, labels and host names: all that the world outside calls a service, derived from its Address here and nowhere else.

A name is its parts joined with `-`. Where that could mean two addresses (a slug holds `-`), is too long, or begins with a digit
where Kubernetes wants a letter, it ends in `--` and a hash of the parts. A plain name never holds `--`, so no two can be equal.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence

from chalicelib.domain.addresses import Address
from chalicelib.domain.fences import Phase

MAX_LABEL = 63
HASH_LENGTH = 12
"""60 bits: an address cannot be chosen so that it takes another one's host name."""
MAX_REPOSITORY_PART = 40
ID_PREFIX = 8

SERVICE_LABEL = "ancla.dev/service-id"
PROCESS_LABEL = "ancla.dev/process"
PROJECT_LABEL = "ancla.dev/project"
ENVIRONMENT_LABEL = "ancla.dev/environment"
ANCHOR_LABEL = "ancla.dev/anchor"


def namespace_of(workspace_slug: str) -> str:
    """The namespace of a workspace; its prefix keeps `kube-system` and the like out of reach."""
    return _joined(("ancla", workspace_slug))


def resource_name(address: Address, process: str = "") -> str:
    """What an object of the service (of one process type) is called within the workspace's namespace: a DNS label."""
    return _joined(_within_namespace(address, process))


def host_of(address: Address, apps_domain: str) -> str:
    """The host name under which the service is reached."""
    label = _joined((address.service, address.environment, address.project, address.workspace), digit_first=True)
    return f"{label}.{apps_domain}"


def account_of(address: Address) -> str:
    """The service account that the service's pods run as."""
    return resource_name(address)


def pull_secret_name(address: Address) -> str:
    return f"{resource_name(address)}.pull"


def tls_secret_name(address: Address) -> str:
    return f"{resource_name(address)}.tls"


def envconsul_name(address: Address, process: str, content_hash: str) -> str:
    """The ConfigMap of one envconsul configuration. Named by its content, so that an older pod template keeps its own."""
    return f"{resource_name(address, process)}.env-{content_hash[:HASH_LENGTH]}"


def anchor_name(address: Address, service_id: str, turn: int, phase: Phase) -> str:
    """The id keeps a service that was made again under the same name from taking over an anchor of its predecessor."""
    return f"{resource_name(address)}.{service_id[:ID_PREFIX]}.turn-{turn}.{phase.name.lower().replace('_', '-')}"


def release_pod_name(address: Address, service_id: str, turn: int) -> str:
    """The pod of a turn's release command: a turn has one at most."""
    return _joined(_within_namespace(address, f"release{turn}x{service_id[:ID_PREFIX]}"))


def repository_of(address: Address, service_id: str) -> str:
    """Where the service's images lie in the registry. The id keeps a slug that is used again apart; the rest is for people."""
    parts = [part[:MAX_REPOSITORY_PART].strip("-") for part in address.parts]
    return "/".join([*parts, service_id])


def labels_of(address: Address, service_id: str, process: str = "") -> dict[str, str]:
    """The labels of everything that belongs to the service (to one process type of it)."""
    labels = {
        SERVICE_LABEL: service_id,
        PROJECT_LABEL: address.project,
        ENVIRONMENT_LABEL: address.environment,
        "app.kubernetes.io/name": address.service,
        "app.kubernetes.io/instance": resource_name(address),
        "app.kubernetes.io/part-of": address.project,
        "app.kubernetes.io/managed-by": "ancla",
    }
    if process:
        labels |= {PROCESS_LABEL: process, "app.kubernetes.io/component": process}
    return labels


def selector_of(service_id: str, process: str) -> dict[str, str]:
    """The labels that pick the pods of one process type: the same for every snapshot, since a Deployment's cannot change."""
    return {SERVICE_LABEL: service_id, PROCESS_LABEL: process}


def _within_namespace(address: Address, process: str) -> tuple[str, ...]:
    parts = (address.service, address.environment, address.project)
    return (*parts, process) if process else parts


def _joined(parts: Sequence[str], *, digit_first: bool = False) -> str:
    text = "-".join(parts)
    starts_well = digit_first or not text[0].isdigit()
    if starts_well and len(text) <= MAX_LABEL and not any("-" in part for part in parts):
        return text
    # One hyphen at a time: a second one in the third place would read as an encoded international name ("xn--").
    readable = re.sub("-+", "-", text if starts_well else f"s{text}")
    return f"{readable[: MAX_LABEL - HASH_LENGTH - 2].rstrip('-')}--{_hash(parts)}"


def _hash(parts: Sequence[str]) -> str:
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:HASH_LENGTH]
