"""How far a build is: pure, from its Job and the Job's pods as the API server has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.adapters.kubernetes.pods import ContainerView, condition, containers_of, cut_off, describe_pod, is_ending, seconds_since
from chalicelib.manifests.buildkit import BUILD_CONTAINER, CONTEXT_VOLUME, FETCH_CONTAINER, RESULT_CONTAINER

ENDS_WITHIN = 60.0
"""Seconds past its period of grace that a pod may take to be gone."""
NEVER_RAN = frozenset({126, 127, 128})
"""Exit codes of a container whose command cannot be run."""
STUCK = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"})


class Step(StrEnum):
    WAITS = "waits"
    """For a pod, for a node, for its image."""
    STUCK = "stuck"
    """Its pod cannot begin, which no build can help."""
    BUILDS = "builds"
    BUILT = "built"
    FAILED = "failed"
    """buildctl says so: its log says why."""
    TIMED_OUT = "timed out"
    TOO_LARGE = "too large"
    """Its node ended it, since the commit's files take more than they may."""
    LOST = "lost"
    """It ended, and nobody knows how."""


@dataclass(frozen=True, slots=True)
class Sight:
    step: Step
    pod: str = ""
    """Empty where there is none whose log could be read."""
    digest: str = ""
    words: str = ""
    """What there is to tell beside the log."""
    since: str = ""
    """When buildctl began, while it runs."""
    fetches: bool = False
    """Whether this is about the container that fetches, before the one that builds: there is nothing of the build's own log yet."""


def see(job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]], now: datetime) -> Sight:
    pod = max(pods, key=lambda one: str(one["metadata"]["creationTimestamp"]), default=None)
    if _is_past_its_deadline(job):
        return Sight(Step.TIMED_OUT)
    if pod is None:
        return Sight(Step.LOST if is_over(job) else Step.WAITS)
    if is_ending(pod) and not is_over(job):
        # Why its pod is ended is for the Job to say, a moment later; one whose node is gone ends never.
        gone = seconds_since(pod["metadata"]["deletionTimestamp"], now) > ENDS_WITHIN
        return Sight(Step.LOST if gone else Step.WAITS, words="its node does not answer" if gone else "")
    name = str(pod["metadata"]["name"])
    containers = {one.name: one for one in containers_of(pod)}
    fetch, result = containers.get(FETCH_CONTAINER), containers.get(RESULT_CONTAINER)
    if f'EmptyDir volume "{CONTEXT_VOLUME}"' in cut_off(pod):
        return Sight(Step.TOO_LARGE)
    if result is not None and result.exit_code is not None:
        return _built(name, result)
    fetches = fetch is not None and fetch.exit_code != 0
    return replace(_of_buildctl(job, pod, fetch if fetches else containers.get(BUILD_CONTAINER)), fetches=fetches)


def _of_buildctl(job: Mapping[str, Any], pod: Mapping[str, Any], build: ContainerView | None) -> Sight:
    name = str(pod["metadata"]["name"])
    if build is None or build.exit_code is None:
        return _before_its_end(job, pod, build)
    if build.exit_code == 0:
        return Sight(Step.LOST if is_over(job) else Step.BUILDS, name)
    if build.exit_code in NEVER_RAN:
        return Sight(Step.STUCK, words=f"buildctl cannot be run in it ({build.exit_message or build.exit_code})")
    return Sight(Step.FAILED if _ended_by_itself(build) else Step.LOST, name, words=build.exit_message)


def _built(name: str, result: ContainerView) -> Sight:
    """The metadata that buildctl wrote are the last words of this container."""
    try:
        digest = str(json.loads(result.exit_message)["containerimage.digest"])
    except (ValueError, KeyError, TypeError):
        return Sight(Step.LOST, name, words="the build ended without the image's digest")
    return Sight(Step.BUILT, name, digest)


def _before_its_end(job: Mapping[str, Any], pod: Mapping[str, Any], build: ContainerView | None) -> Sight:
    if is_over(job) or pod.get("status", {}).get("phase") == "Failed":
        return Sight(Step.LOST, words=describe_pod(pod))
    if build is not None and build.running:
        return Sight(Step.BUILDS, str(pod["metadata"]["name"]), since=_start_of(pod, build.name))
    waiting = [one.waiting for one in containers_of(pod) if one.waiting]
    return Sight(Step.STUCK if STUCK & set(waiting) else Step.WAITS, words=describe_pod(pod))


def _start_of(pod: Mapping[str, Any], container: str) -> str:
    told = pod["status"].get("initContainerStatuses", ())
    return next((str(one["state"]["running"]["startedAt"]) for one in told if one["name"] == container), "")


def _ended_by_itself(build: ContainerView) -> bool:
    """buildctl ends with 1 when a build fails; whatever else it ends with was done to it."""
    return build.exit_code == 1 and build.exit_reason != "OOMKilled"


def _is_past_its_deadline(job: Mapping[str, Any]) -> bool:
    """`FailureTarget` comes first, while its pods still end."""
    told = [condition(job, kind) for kind in ("Failed", "FailureTarget")]
    return any(one.get("status") == "True" and one.get("reason") == "DeadlineExceeded" for one in told)


def is_over(job: Mapping[str, Any]) -> bool:
    return any(condition(job, kind).get("status") == "True" for kind in ("Complete", "Failed"))
