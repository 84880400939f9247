"""Reads the parts of a Kubernetes manifest that the node acts on."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.secrets import Secret

GATES = "schedulingGates"
PROCESS_LABEL = "ancla.dev/process"
SERVICE_LABEL = "ancla.dev/service-id"
ANCHOR_LABEL = "ancla.dev/anchor"
HASH_LABEL = "pod-template-hash"

_IMAGE = re.compile(r"(?P<repository>[^@\s]+)@(?P<digest>sha256:[0-9a-f]{64})")
_CONFIG_FILE = "-config="
_KV_DATA = "secret/data/"


class Unrunnable(Exception):
    """The node cannot run such a thing; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    path: str
    period: float
    timeout: float
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSpec:
    repository: str
    digest: str
    command: tuple[str, ...]
    config_map: str
    """The ConfigMap with the configuration of envconsul, where the command is that; else empty."""
    environment: Mapping[str, str]
    probe: Probe | None
    startup: Probe | None
    grace: float
    """Seconds between being asked to end and being ended."""
    account: str
    pull_secret: str
    once: bool
    """A one-off: runs at most once, whatever comes."""
    gated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What envconsul would start, and the vault's paths it would read before."""

    command: tuple[str, ...]
    secret_paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSpec:
    replicas: int
    template: Mapping[str, Any]
    template_hash: str
    surge: int
    min_ready: float


def template_hash(template: Mapping[str, Any]) -> str:
    """Names a pod template by its content, so that the former template put back finds its pods again."""
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def read_deployment(manifest: Mapping[str, Any]) -> DeploymentSpec:
    """Raises Unrunnable."""
    spec = _mapping(manifest, "spec")
    replicas = spec.get("replicas", 1)
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        raise Unrunnable(f"spec.replicas: {replicas!r} is not a count")
    template = _mapping(spec, "template")
    labels = template.get("metadata", {}).get("labels", {})
    selector = spec.get("selector", {}).get("matchLabels", {})
    if not selector or not selector.items() <= labels.items():
        raise Unrunnable("spec.selector does not match the labels of spec.template")
    read_pod_spec(_mapping(template, "spec"))
    return DeploymentSpec(
        replicas=replicas,
        template=template,
        template_hash=template_hash(template),
        surge=_surge(spec.get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 1), replicas),
        min_ready=float(spec.get("minReadySeconds", 0)),
    )


def read_pod_spec(spec: Mapping[str, Any]) -> PodSpec:
    """Raises Unrunnable."""
    containers = spec.get("containers")
    if not isinstance(containers, Sequence) or len(containers) != 1:
        raise Unrunnable("spec.containers: exactly one container is needed")
    container = containers[0]
    image = _IMAGE.fullmatch(str(container.get("image", "")))
    if image is None:
        raise Unrunnable(f"image {container.get('image')!r} is not given as repository@sha256:digest")
    command = tuple(str(part) for part in container.get("command", ()))
    if not command:
        raise Unrunnable("the container has no command")
    return PodSpec(
        repository=image["repository"],
        digest=image["digest"],
        command=command,
        config_map=_config_map(spec) if any(part.startswith(_CONFIG_FILE) for part in command) else "",
        environment={entry["name"]: str(entry.get("value", "")) for entry in container.get("env", ())},
        probe=_probe(container.get("readinessProbe")) or _probe(container.get("startupProbe")),
        startup=_probe(container.get("startupProbe")),
        grace=float(spec.get("terminationGracePeriodSeconds", 30)),
        account=spec.get("serviceAccountName", "default"),
        pull_secret=next((entry["name"] for entry in spec.get("imagePullSecrets", ())), ""),
        once=spec.get("restartPolicy", "Always") == "Never",
        gated=bool(spec.get(GATES)),
    )


def read_launch(config_map: Mapping[str, Any]) -> Launch:
    """What the envconsul configuration in this ConfigMap asks for. Raises Unrunnable."""
    try:
        config = json.loads(config_map["data"]["envconsul.json"])
        command = tuple(str(part) for part in config["exec"]["command"])
        paths = tuple(str(entry["path"]).removeprefix(_KV_DATA) for entry in config.get("secret", ()))
    except (KeyError, TypeError, ValueError) as error:
        raise Unrunnable(f"the ConfigMap holds no envconsul.json that can be read: {error}") from error
    if not command:
        raise Unrunnable("envconsul.json: exec.command is empty")
    return Launch(command=command, secret_paths=paths)


def read_pull_password(secret: Mapping[str, Any]) -> Secret:
    """The password in a pull Secret (kubernetes.io/dockerconfigjson). Raises Unrunnable."""
    try:
        encoded = secret.get("data", {}).get(".dockerconfigjson")
        text = base64.b64decode(encoded) if encoded else secret["stringData"][".dockerconfigjson"]
        entry = next(iter(json.loads(text)["auths"].values()))
        return Secret(entry["password"] if "password" in entry else base64.b64decode(entry["auth"]).decode().split(":", 1)[1])
    except (KeyError, TypeError, ValueError, StopIteration, IndexError, binascii.Error) as error:
        # The cause stays out of the text: it could quote the secret.
        raise Unrunnable("the pull secret holds no .dockerconfigjson that can be read") from error


def _mapping(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    if not isinstance(value, Mapping):
        raise Unrunnable(f"{name!r} is missing")
    return value


def _config_map(spec: Mapping[str, Any]) -> str:
    for volume in spec.get("volumes", ()):
        if "configMap" in volume:
            return str(volume["configMap"]["name"])
    raise Unrunnable("no volume holds the envconsul ConfigMap")


def _probe(probe: Mapping[str, Any] | None) -> Probe | None:
    if not probe or "httpGet" not in probe:
        return None
    return Probe(
        path="/" + probe["httpGet"].get("path", "/").removeprefix("/"),
        period=float(probe.get("periodSeconds", 10)),
        timeout=float(probe.get("timeoutSeconds", 1)),
        failures=int(probe.get("failureThreshold", 3)),
    )


def _surge(surge: int | str, replicas: int) -> int:
    """At least one: with none, and none that may be missing, nothing could ever be replaced."""
    if isinstance(surge, str) and surge.endswith("%"):
        return max(1, -(-replicas * int(surge[:-1]) // 100))
    return max(1, int(surge))
