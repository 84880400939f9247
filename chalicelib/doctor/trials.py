"""Tries something in the cluster as Ancla does it there: as a job in the builds' namespace, which is removed again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.adapters.kubernetes.api import Answer, Api
from chalicelib.adapters.kubernetes.kinds import collection, place
from chalicelib.adapters.kubernetes.pods import ContainerView, containers_of, describe_pod, why_waiting
from chalicelib.adapters.kubernetes.refusals import Refusal, meaning
from chalicelib.doctor.findings import Finding, Trouble, Verdict, failed, ok, warning
from chalicelib.manifests.pods import AS_NOBODY, RESTRICTED

SECONDS = 8.0
HEAD_START = "1"
"""Seconds that network policies have to know a new pod."""
POLL = 0.25
KEPT = 60
"""Seconds after which the cluster itself removes what was left behind."""
CONTAINER = "trial"
PATIENT = "patient"
FIRST = "first"
OF_JOB = "batch.kubernetes.io/controller-uid"
WORDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One command in one container, with nothing but what is named here."""

    name: str
    namespace: str
    image: str
    command: Sequence[str]
    resources: Mapping[str, Any]
    empty: Sequence[str] = ()
    """Where empty folders are mounted."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Where which Secret is mounted."""
    patient: Sequence[str] = ()
    """The same, said so that it waits for an answer: the cluster's network policies take a moment to know a new pod. It decides then, and
    the plain command says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How it went; `said` is what the command printed, or why there is no command yet."""

    verdict: Verdict
    said: str = ""

    def finding(self, check: str, good: str, hint: str) -> Finding:
        match self.verdict:
            case Verdict.OK:
                return ok(check, good)
            case Verdict.WARNING:
                return warning(
                    check, f"not known yet after {SECONDS:g} s: {self.said}", "try again in a minute: an image may be on its way"
                )
            case Verdict.FAILED:
                return failed(check, self.said, hint)


def run_trial(api: Api, trial: Trial, *, seconds: float = SECONDS) -> Ended:
    """Waits for its end. Raises Trouble where the cluster does not take the job."""
    deadline = time.monotonic() + seconds
    try:
        job = api.create(collection("Job", trial.namespace), render_trial(trial))
    except Refusal as refusal:
        raise _trouble(trial, refusal) from refusal
    try:
        return _watched(api, trial, job, deadline)
    except Refusal as refusal:
        raise _trouble(trial, refusal) from refusal
    finally:
        _remove(api, trial, job)


def render_trial(trial: Trial) -> dict[str, Any]:
    """Within what Pod Security `restricted` lets through, as build jobs are."""
    mounts = [{"name": f"empty-{number}", "mountPath": where} for number, where in enumerate(trial.empty)]
    volumes: list[dict[str, Any]] = [{"name": f"empty-{number}", "emptyDir": {"sizeLimit": "512Mi"}} for number in range(len(trial.empty))]
    for number, (where, secret) in enumerate(trial.secrets.items()):
        mounts.append({"name": f"secret-{number}", "mountPath": where})
        volumes.append({"name": f"secret-{number}", "secret": {"secretName": secret}})
    container = {
        "name": CONTAINER,
        "image": trial.image,
        "command": list(trial.command),
        "securityContext": {**RESTRICTED, "readOnlyRootFilesystem": True},
        "resources": trial.resources,
        "volumeMounts": mounts,
    }
    containers, first = [container], []
    if trial.patient:
        containers.append({**container, "name": PATIENT, "command": list(trial.patient)})
        # No policy can know the pod before the node has told its address, which it does when the first container has started.
        first.append({**container, "name": FIRST, "command": ["sleep", HEAD_START], "volumeMounts": []})
    labels = {"app.kubernetes.io/name": "doctor", "app.kubernetes.io/managed-by": "ancla"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": f"doctor-{trial.name}-", "namespace": trial.namespace, "labels": labels},
        "spec": {
            "backoffLimit": 5,
            "activeDeadlineSeconds": KEPT,
            "ttlSecondsAfterFinished": KEPT,
            "template": {"metadata": {"labels": labels}, "spec": _pod_spec(first, containers, volumes)},
        },
    }


def _pod_spec(
    first: Sequence[Mapping[str, Any]], containers: Sequence[Mapping[str, Any]], volumes: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        "restartPolicy": "OnFailure" if len(containers) > 1 else "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": AS_NOBODY,
        "initContainers": [dict(one) for one in first],
        "containers": [dict(one) for one in containers],
        "volumes": [dict(one) for one in volumes],
    }


def _watched(api: Api, trial: Trial, job: Answer, deadline: float) -> Ended:
    while True:
        pods = api.get(collection("Pod", trial.namespace), labelSelector=f"{OF_JOB}={job['metadata']['uid']}").get("items") or []
        ended = _ended(api, trial, pods[0]) if pods else None
        if ended is not None:
            return ended
        if time.monotonic() >= deadline:
            return judge_late(pods)
        time.sleep(POLL)


def judge_late(pods: Sequence[Mapping[str, Any]]) -> Ended:
    """What it means that the command has not ended in its time."""
    if not pods:
        return Ended(verdict=Verdict.FAILED, said="the job has no pod: look at its events, and at the quota of the namespace")
    if any(one.running for one in _commands(pods[0])):
        return Ended(verdict=Verdict.FAILED, said="the command got no answer")
    stuck = why_waiting(pods[0])
    return Ended(verdict=Verdict.FAILED if stuck else Verdict.WARNING, said=stuck or describe_pod(pods[0]))


def _commands(pod: Mapping[str, Any]) -> list[ContainerView]:
    """All but the one that only lets the network know the pod."""
    return [one for one in containers_of(pod) if one.name != FIRST]


def _ended(api: Api, trial: Trial, pod: Mapping[str, Any]) -> Ended | None:
    ends = {one.name: one for one in _commands(pod) if not one.running and one.exit_code is not None}
    if any(one.exit_code == 0 for one in ends.values()):
        return Ended(verdict=Verdict.OK)
    decides = ends.get(PATIENT if trial.patient else CONTAINER)
    if decides is None:
        return None
    told = _printed(api, trial, pod["metadata"]["name"]) or decides.exit_message
    return Ended(verdict=Verdict.FAILED, said=told or f"{trial.command[0]} ended with {decides.exit_code}")


def _printed(api: Api, trial: Trial, pod: str) -> str:
    """The end of what the plain command printed, now or when it ran before."""
    return _log(api, trial, pod) or _log(api, trial, pod, previous="true")


def _log(api: Api, trial: Trial, pod: str, **options: str) -> str:
    """Nothing where it cannot be had, as of a program that is not there."""
    path = f"{place('Pod', trial.namespace, pod)}/log"
    try:
        text = api.read(path, container=CONTAINER, tailLines="5", limitBytes="4096", **options)
    except Refusal:
        return ""
    return " ".join(text.decode(errors="replace").split())[-WORDS:]


def _remove(api: Api, trial: Trial, job: Answer) -> None:
    try:
        api.delete(place("Job", trial.namespace, job["metadata"]["name"]), {"propagationPolicy": "Background"})
    except Refusal:
        return  # the cluster removes it after `KEPT` seconds


def _trouble(trial: Trial, refusal: Refusal) -> Trouble:
    error = meaning(refusal, f"a job of the doctor in {trial.namespace!r}")
    return Trouble(trial.name, error.message, getattr(error, "hint", "") or "look at the quota and the policies of the namespace")
