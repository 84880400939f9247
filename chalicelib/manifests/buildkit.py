"""A build as a Kubernetes Job: buildctl asks a remote BuildKit over mutual TLS, and the result's metadata become the pod's last words.

Job ── owns ──► Secret: the registry's password, the repository's login, the build-time secrets; mounted, never in argv or environment
 └──► pod: `fetch`, for a repository behind a login alone (buildctl; the commit's files), then
           `build` (buildctl; its log is the build's log), then
           `result` (cp metadata.json /dev/termination-log)

Whatever secret buildctl has at hand, a step of the Dockerfile can ask for. The repository's login opens more than this repository, so
what is built has been fetched before, with a Dockerfile of ours and nothing of the user's.

A Job begins suspended, so that its Secret, which it must own, can follow it. One that is not to run at all never gets a pod.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from chalicelib.domain.hierarchy import SourceKind
from chalicelib.domain.registry import PULL, PUSH, Access
from chalicelib.manifests.commands import escaped
from chalicelib.manifests.names import SERVICE_LABEL
from chalicelib.manifests.pods import AS_NOBODY, RESTRICTED
from chalicelib.ports.builder import BuildJob

BUILD_LABEL = "ancla.dev/build-id"
"""On the Job, and in the image: so two builds never make one digest, and removing an image takes no other one along."""
FETCH_CONTAINER = "fetch"
CONTEXT_VOLUME = "context"
BUILD_CONTAINER = "build"
RESULT_CONTAINER = "result"
SECRETS_DIRECTORY = "/ancla/secrets"
TLS_DIRECTORY = "/ancla/tls"
LOGIN_DIRECTORY = "/ancla/login"
GIT_DIRECTORY = "/ancla/git"
CONTEXT_DIRECTORY = "/ancla/context"
OUTPUT_DIRECTORY = "/ancla/out"
METADATA = f"{OUTPUT_DIRECTORY}/metadata.json"
LAST_WORDS = "/dev/termination-log"
DOCKER_CONFIG_KEY = "config.json"
GIT_HEADER_KEY = "git-header"
FETCH_FILE = "ancla.fetch"
"""The Dockerfile that fetches: in the Secret, and in what BuildKit says of it."""
SECRET_PREFIX = "secret."
RESOURCES = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
KEPT = 3600
"""Seconds that an ended job stays to be read."""
GRACE_PERIOD = 10
"""Seconds that buildctl has to call its build off when it is told to end."""
KEEPALIVE = {"net.ipv4.tcp_keepalive_time": "15", "net.ipv4.tcp_keepalive_intvl": "5", "net.ipv4.tcp_keepalive_probes": "3"}
"""buildctl asks for no more than the kernel's own keepalive, which is two hours: with a BuildKit whose node is gone it would wait for its
end. These may be set without permission since Kubernetes 1.29."""
BUILT_IN = "dockerfile.v0"
RESERVED_ARGUMENTS = frozenset({"BUILDKIT_CACHE_MOUNT_NS", "BUILDKIT_SANDBOX_HOSTNAME", "BUILDKIT_SYNTAX"})
"""Build arguments that BuildKit itself obeys: whose cache is used, and which program reads the Dockerfile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildYard:
    """Where builds run, and what they run with."""

    namespace: str = "ancla-builds"
    image: str = "moby/buildkit:v0.34.2"
    address: str = "tcp://buildkitd.buildkit.svc:1234"
    tls_secret: str = "buildkit-client"
    """The operator's Secret with `ca.pem`, `cert.pem` and `key.pem` for BuildKit."""
    registry: str
    """Host and port, as images are named with it."""
    bases: tuple[str, ...] = ()
    """Repositories of that registry which every build may pull from; all below one with `/*` behind it."""
    deadline: int = 1800
    context_limit: str = "4Gi"
    """What the files of a commit behind a login may take: they lie on the node while they are built from."""


def job_name(build_id: str) -> str:
    return f"build-{build_id}"


def git_context(location: str, commit: str) -> str:
    """The build context of a commit. BuildKit takes an HTTP address for a repository only when it ends in `.git`."""
    is_http = urlsplit(location).scheme in {"http", "https"}
    repository = f"{location.rstrip('/').removesuffix('.git')}.git" if is_http else location
    return f"{repository}#{commit}"


def cache_repository(scope: str) -> str:
    """Where the cache of a scope lies. A repository of its own, since what a build may write to is said by repository."""
    return f"cache/{_hashed(scope)}"


def accesses_of(job: BuildJob, yard: BuildYard) -> list[Access]:
    """What the build may do in the registry, and nothing else."""
    own = [Access(name, (PULL, PUSH)) for name in (job.repository, cache_repository(job.cache))]
    return own + [Access(name, (PULL,)) for name in yard.bases]


def render_build_secret(
    job: BuildJob, yard: BuildYard, *, docker_config: str, git_header: str, values: Mapping[str, str]
) -> dict[str, Any]:
    """The Secret with all that a build has to hide, opened. The adapter makes the Job its owner, so that it goes with it."""
    content = {DOCKER_CONFIG_KEY: docker_config, **{f"{SECRET_PREFIX}{name}": value for name, value in sorted(values.items())}}
    git = {GIT_HEADER_KEY: git_header, FETCH_FILE: f"FROM scratch\nADD {git_context(job.source.location, job.commit)} /\n"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(job, yard),
        "type": "Opaque",
        "stringData": content | (git if git_header else {}),
    }


def render_build_job(job: BuildJob, yard: BuildYard, *, annotations: Mapping[str, str], git_login: bool = False) -> dict[str, Any]:
    """The suspended Job of one build: never tried again by itself, ended at its deadline, named by the build so that two are one. Only a
    git source makes one: a ready image needs no build."""
    if job.source.kind is not SourceKind.GIT:
        raise ValueError(f"build {job.id} has no git source")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**_metadata(job, yard), "annotations": dict(annotations)},
        "spec": {
            "suspend": True,
            "backoffLimit": 0,
            "activeDeadlineSeconds": yard.deadline,
            "ttlSecondsAfterFinished": KEPT,
            "template": {"metadata": {"labels": _labels(job)}, "spec": _pod_spec(job, yard, git_login=git_login)},
        },
    }


def render_ending() -> dict[str, Any]:
    """The change to a Job that ends it: its pods are told to stop, no further ones are made, and it counts as ended at once."""
    return {"suspend": False, "parallelism": 0, "activeDeadlineSeconds": 1}


def _pod_spec(job: BuildJob, yard: BuildYard, *, git_login: bool) -> dict[str, Any]:
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_PERIOD,
        "securityContext": {**AS_NOBODY, "sysctls": [{"name": name, "value": value} for name, value in KEEPALIVE.items()]},
        # The build runs first; its metadata are handed on after it and only when it went well. No shell is needed.
        "initContainers": [*([_fetch_container(job, yard)] if git_login else []), _build_container(job, yard, git_login=git_login)],
        "containers": [_result_container(yard)],
        "volumes": _volumes(job, yard, git_login=git_login),
    }


def _fetch_container(job: BuildJob, yard: BuildYard) -> dict[str, Any]:
    words = [
        f"--local=dockerfile={GIT_DIRECTORY}",
        f"--opt=filename={FETCH_FILE}",
        f"--secret=id=GIT_AUTH_HEADER.{urlsplit(job.source.location).netloc},src={GIT_DIRECTORY}/{GIT_HEADER_KEY}",
        f"--output=type=local,dest={CONTEXT_DIRECTORY}",
    ]
    git, context = {"name": "git", "mountPath": GIT_DIRECTORY, "readOnly": True}, {"name": CONTEXT_VOLUME, "mountPath": CONTEXT_DIRECTORY}
    return _buildctl(FETCH_CONTAINER, yard, words, [git, context])


def _build_container(job: BuildJob, yard: BuildYard, *, git_login: bool) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [{"name": "out", "mountPath": OUTPUT_DIRECTORY}]
    if git_login:
        mounts.append({"name": CONTEXT_VOLUME, "mountPath": CONTEXT_DIRECTORY, "readOnly": True})
    if job.secrets:
        mounts.append({"name": "secrets", "mountPath": SECRETS_DIRECTORY, "readOnly": True})
    return _buildctl(BUILD_CONTAINER, yard, _build_words(job, yard, fetched=git_login), mounts)


def _buildctl(name: str, yard: BuildYard, words: Sequence[str], mounts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A container that lets BuildKit build something with its own reader of Dockerfiles."""
    common = [
        f"--addr={yard.address}",
        f"--tlscacert={TLS_DIRECTORY}/ca.pem",
        f"--tlscert={TLS_DIRECTORY}/cert.pem",
        f"--tlskey={TLS_DIRECTORY}/key.pem",
        "--wait",  # a new pod may be kept from BuildKit for a moment, until every node knows which network policy is for it
        "build",
        "--progress=plain",
        f"--frontend={BUILT_IN}",
        # With this set, a line `# syntax=` is no order to run another frontend; the adapter refuses those that ask for one.
        f"--opt=cmdline={BUILT_IN}",
    ]
    always = [
        {"name": "tls", "mountPath": TLS_DIRECTORY, "readOnly": True},
        {"name": "login", "mountPath": LOGIN_DIRECTORY, "readOnly": True},
    ]
    return {
        "name": name,
        "image": yard.image,
        "command": ["buildctl"],
        "args": [escaped(word) for word in (*common, *words)],
        "env": [{"name": "DOCKER_CONFIG", "value": LOGIN_DIRECTORY}],
        "securityContext": {**RESTRICTED, "readOnlyRootFilesystem": True},
        "resources": RESOURCES,
        "volumeMounts": [*always, *mounts],
    }


def _build_words(job: BuildJob, yard: BuildYard, *, fetched: bool) -> list[str]:
    cache = f"{yard.registry}/{cache_repository(job.cache)}:build"
    own = [f"--local={name}={CONTEXT_DIRECTORY}" for name in ("context", "dockerfile")]
    words = [
        *(own if fetched else [f"--opt=context={git_context(job.source.location, job.commit)}"]),
        f"--opt=filename={job.dockerfile}",
        f"--opt=label:{BUILD_LABEL}={job.id}",
        # BuildKit takes the result of any earlier step that was the same, in whatever build, and a secret that the step read does
        # not count for that. The host's name does, so only steps of one project are the same.
        f"--opt=hostname=build-{_hashed(job.cache)}",
        # Cache mounts are found by their name alone, among all builds of this BuildKit.
        f"--opt=build-arg:BUILDKIT_CACHE_MOUNT_NS={_hashed(job.cache)}",
    ]
    words += [f"--opt=build-arg:{name}={value}" for name, value in sorted(job.arguments.items()) if name not in RESERVED_ARGUMENTS]
    return [
        *words,
        *(f"--secret=id={name},src={SECRETS_DIRECTORY}/{name}" for name in sorted(job.secrets)),
        f"--import-cache=type=registry,ref={cache}",
        f"--export-cache=type=registry,ref={cache},mode=max,ignore-error=true",
        f"--output=type=image,name={yard.registry}/{job.repository}:v{job.number},push=true",
        f"--metadata-file={METADATA}",
    ]


def _result_container(yard: BuildYard) -> dict[str, Any]:
    return {
        "name": RESULT_CONTAINER,
        "image": yard.image,
        "command": ["cp", METADATA, LAST_WORDS],
        "terminationMessagePath": LAST_WORDS,
        "securityContext": {**RESTRICTED, "readOnlyRootFilesystem": True},
        "resources": RESOURCES,
        "volumeMounts": [{"name": "out", "mountPath": OUTPUT_DIRECTORY, "readOnly": True}],
    }


def _volumes(job: BuildJob, yard: BuildYard, *, git_login: bool) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [
        {"name": "tls", "secret": {"secretName": yard.tls_secret}},
        {"name": "login", "secret": _picked(job, {DOCKER_CONFIG_KEY: DOCKER_CONFIG_KEY})},
        {"name": "out", "emptyDir": {"sizeLimit": "16Mi"}},
    ]
    if git_login:
        volumes.append({"name": "git", "secret": _picked(job, {key: key for key in (GIT_HEADER_KEY, FETCH_FILE)})})
        volumes.append({"name": CONTEXT_VOLUME, "emptyDir": {"sizeLimit": yard.context_limit}})
    if job.secrets:
        volumes.append({"name": "secrets", "secret": _picked(job, {f"{SECRET_PREFIX}{name}": name for name in sorted(job.secrets)})})
    return volumes


def _picked(job: BuildJob, paths: Mapping[str, str]) -> dict[str, Any]:
    return {"secretName": job_name(job.id), "items": [{"key": key, "path": path} for key, path in paths.items()]}


def _metadata(job: BuildJob, yard: BuildYard) -> dict[str, Any]:
    return {"name": job_name(job.id), "namespace": yard.namespace, "labels": _labels(job)}


def _labels(job: BuildJob) -> dict[str, str]:
    return {
        SERVICE_LABEL: job.service_id,
        BUILD_LABEL: job.id,
        "app.kubernetes.io/name": "build",
        "app.kubernetes.io/managed-by": "ancla",
    }


def _hashed(scope: str) -> str:
    return hashlib.sha256(scope.encode()).hexdigest()[:32]
