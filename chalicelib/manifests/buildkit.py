"""A build as a Kubernetes Job: buildctl asks a remote BuildKit over mutual TLS, and prints the result's metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from chalicelib.domain.hierarchy import SourceKind
from chalicelib.manifests.commands import escaped
from chalicelib.manifests.pods import NOBODY, RESTRICTED
from chalicelib.ports.builder import BuildJob

BUILD_LABEL = "ancla.dev/build-id"
SECRETS_DIRECTORY = "/ancla/secrets"
TLS_DIRECTORY = "/ancla/tls"
LOGIN_DIRECTORY = "/ancla/login"
OUTPUT_DIRECTORY = "/ancla/out"
METADATA = f"{OUTPUT_DIRECTORY}/metadata.json"
BUILD_CONTAINER = "build"
"""Its log is the build's log."""
RESULT_CONTAINER = "result"
"""Its log is the metadata file, with the image's digest."""
RESOURCES = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
KEPT = 3600
"""Seconds that an ended job stays to be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildYard:
    """Where builds run, and what they run with. The two secrets are the operator's: `ca.pem`, `cert.pem` and `key.pem` for
    BuildKit, and a `config.json` that may push to the registry."""

    namespace: str = "ancla-builds"
    image: str = "moby/buildkit:v0.21.1"
    address: str = "tcp://buildkitd.buildkit.svc:1234"
    tls_secret: str = "buildkit-client"
    login_secret: str = "registry-push"
    cache_repository: str
    """The registry's repository for caches, its host included."""
    deadline: int = 1800


def job_name(build_id: str) -> str:
    return f"build-{build_id}"


def git_context(location: str, commit: str) -> str:
    """The build context of a commit. BuildKit takes an HTTP address for a repository only when it ends in `.git`."""
    is_http = urlsplit(location).scheme in {"http", "https"}
    repository = f"{location.rstrip('/').removesuffix('.git')}.git" if is_http else location
    return f"{repository}#{commit}"


def cache_reference(cache_repository: str, scope: str) -> str:
    """Where the cache of a scope lies. Hashed, so that any scope makes a tag, and two never share one."""
    return f"{cache_repository}:{hashlib.sha256(scope.encode()).hexdigest()[:32]}"


def render_build_secret(job: BuildJob, yard: BuildYard, values: Mapping[str, str]) -> dict[str, Any]:
    """The Secret with the opened build-time `values`. The adapter makes the Job its owner, so that it goes with it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(job, yard),
        "type": "Opaque",
        "stringData": dict(sorted(values.items())),
    }


def render_build_job(job: BuildJob, yard: BuildYard) -> dict[str, Any]:
    """The Job of one build: never tried again by itself, ended at its deadline, named by the build so that two are one. Only a git
    source makes one: a ready image needs no build."""
    if job.source.kind is not SourceKind.GIT:
        raise ValueError(f"build {job.id} has no git source")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(job, yard),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": yard.deadline,
            "ttlSecondsAfterFinished": KEPT,
            "template": {"metadata": {"labels": _labels(job)}, "spec": _pod_spec(job, yard)},
        },
    }


def _pod_spec(job: BuildJob, yard: BuildYard) -> dict[str, Any]:
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": NOBODY,
            "runAsGroup": NOBODY,
            "fsGroup": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # The build runs first, the metadata is printed after it and only when it went well: two logs, and no shell.
        "initContainers": [_build_container(job, yard)],
        "containers": [_result_container(yard)],
        "volumes": _volumes(job, yard),
    }


def _build_container(job: BuildJob, yard: BuildYard) -> dict[str, Any]:
    mounts = [
        {"name": "tls", "mountPath": TLS_DIRECTORY, "readOnly": True},
        {"name": "login", "mountPath": LOGIN_DIRECTORY, "readOnly": True},
        {"name": "out", "mountPath": OUTPUT_DIRECTORY},
    ]
    if job.secrets:
        mounts.append({"name": "secrets", "mountPath": SECRETS_DIRECTORY, "readOnly": True})
    return {
        "name": BUILD_CONTAINER,
        "image": yard.image,
        "command": ["buildctl"],
        "args": [escaped(word) for word in _arguments(job, yard)],
        "env": [{"name": "DOCKER_CONFIG", "value": LOGIN_DIRECTORY}],
        "securityContext": dict(RESTRICTED),
        "resources": RESOURCES,
        "volumeMounts": mounts,
    }


def _arguments(job: BuildJob, yard: BuildYard) -> list[str]:
    cache = cache_reference(yard.cache_repository, job.cache)
    words = [
        f"--addr={yard.address}",
        f"--tlscacert={TLS_DIRECTORY}/ca.pem",
        f"--tlscert={TLS_DIRECTORY}/cert.pem",
        f"--tlskey={TLS_DIRECTORY}/key.pem",
        "build",
        "--progress=plain",
        "--frontend=dockerfile.v0",
        f"--opt=context={git_context(job.source.location, job.commit)}",
    ]
    if job.dockerfile:
        words.append(f"--opt=filename={job.dockerfile}")
    words += [f"--opt=build-arg:{name}={value}" for name, value in sorted(job.arguments.items())]
    words += [f"--secret=id={name},src={SECRETS_DIRECTORY}/{name}" for name in sorted(job.secrets)]
    return [
        *words,
        f"--import-cache=type=registry,ref={cache}",
        f"--export-cache=type=registry,ref={cache},mode=max",
        f"--output=type=image,name={job.repository}:v{job.number},push=true",
        f"--metadata-file={METADATA}",
    ]


def _result_container(yard: BuildYard) -> dict[str, Any]:
    return {
        "name": RESULT_CONTAINER,
        "image": yard.image,
        "command": ["cat", METADATA],
        "securityContext": dict(RESTRICTED),
        "resources": RESOURCES,
        "volumeMounts": [{"name": "out", "mountPath": OUTPUT_DIRECTORY, "readOnly": True}],
    }


def _volumes(job: BuildJob, yard: BuildYard) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [
        {"name": "tls", "secret": {"secretName": yard.tls_secret}},
        {"name": "login", "secret": {"secretName": yard.login_secret}},
        {"name": "out", "emptyDir": {"sizeLimit": "16Mi"}},
    ]
    if job.secrets:
        volumes.append({"name": "secrets", "secret": {"secretName": job_name(job.id)}})
    return volumes


def _metadata(job: BuildJob, yard: BuildYard) -> dict[str, Any]:
    return {"name": job_name(job.id), "namespace": yard.namespace, "labels": _labels(job)}


def _labels(job: BuildJob) -> dict[str, str]:
    return {
        "ancla.dev/service-id": job.service_id,
        BUILD_LABEL: job.id,
        "app.kubernetes.io/name": "build",
        "app.kubernetes.io/managed-by": "ancla",
    }
