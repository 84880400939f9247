"""How far a build is, from its Job and its pod as the API server has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.adapters.buildkit.endings import ending_of
from chalicelib.adapters.buildkit.notes import Notes, Refused
from chalicelib.adapters.buildkit.sights import Sight, Step, see
from chalicelib.ports.builder import JobState

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
METADATA = '{"containerimage.digest": "sha256:11", "image.name": "x"}'
LOG = b"#1 DONE\n"


def job(*conditions: tuple[str, str], notes: Notes | None = None) -> dict[str, Any]:
    told = [{"type": kind, "status": "True", "reason": reason} for kind, reason in conditions]
    written = (notes or Notes(repository="acme/api", processes={"web": "x"})).written()
    return {
        "metadata": {"name": "build-1", "annotations": written},
        "spec": {"activeDeadlineSeconds": 1800},
        "status": {"conditions": told},
    }


def pod(
    build: dict[str, Any], result: dict[str, Any] | None = None, *, phase: str = "Running", ending: datetime | None = None
) -> dict[str, Any]:
    metadata = {"name": "build-1-x", "creationTimestamp": "2026-03-01T11:59:00Z"}
    if ending:
        metadata["deletionTimestamp"] = ending.isoformat()
    status = {
        "phase": phase,
        "initContainerStatuses": [{"name": "build", "state": build}],
        "containerStatuses": [{"name": "result", "state": result or {"waiting": {"reason": "PodInitializing"}}}],
    }
    return {"metadata": metadata, "status": status}


def evicted(message: str) -> dict[str, Any]:
    one = pod(ended(137), phase="Failed")
    return {**one, "status": {**one["status"], "reason": "Evicted", "message": message}}


def ended(code: int, message: str = "", reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "message": message, "reason": reason}}


RUNNING = {"running": {"startedAt": "2026-03-01T11:59:30Z"}}
SEEN = {
    "no pod yet": (job(), [], Step.WAITS),
    "no pod any more": (job(("Failed", "BackoffLimitExceeded")), [], Step.LOST),
    "it waits": (job(), [pod({"waiting": {"reason": "ContainerCreating"}}, phase="Pending")], Step.WAITS),
    "no image": (job(), [pod({"waiting": {"reason": "ImagePullBackOff"}}, phase="Pending")], Step.STUCK),
    "no program": (job(), [pod(ended(128))], Step.STUCK),
    "it builds": (job(), [pod(RUNNING)], Step.BUILDS),
    "built, not told yet": (job(), [pod(ended(0))], Step.BUILDS),
    "built": (job(), [pod(ended(0), ended(0, METADATA), phase="Succeeded")], Step.BUILT),
    "built, without words": (job(), [pod(ended(0), ended(1, "cp: no"), phase="Failed")], Step.LOST),
    "failed": (job(), [pod(ended(1), phase="Failed")], Step.FAILED),
    "killed": (job(("Failed", "BackoffLimitExceeded")), [pod(ended(137), phase="Failed")], Step.LOST),
    "out of memory": (job(), [pod(ended(1, reason="OOMKilled"), phase="Failed")], Step.LOST),
    "evicted": (job(), [pod({"waiting": {"reason": "PodInitializing"}}, phase="Failed")], Step.LOST),
    "too large": (job(), [evicted('Usage of EmptyDir volume "context" exceeds the limit "4Gi". ')], Step.TOO_LARGE),
    "too much beside": (job(), [evicted('Usage of EmptyDir volume "out" exceeds the limit "16Mi". ')], Step.LOST),
    "its pod ends": (job(), [pod(ended(1), ending=NOW)], Step.WAITS),
    "its node is gone": (job(), [pod(RUNNING, ending=NOW - timedelta(seconds=70))], Step.LOST),
    "past its time": (job(("FailureTarget", "DeadlineExceeded")), [pod(ended(1), ending=NOW)], Step.TIMED_OUT),
}


@pytest.mark.parametrize("name", SEEN)
def test_how_far_a_build_is(name: str) -> None:
    job_, pods, step = SEEN[name]
    assert see(job_, pods, NOW).step is step


def fetching(fetch: dict[str, Any], build: dict[str, Any], *, phase: str = "Pending") -> dict[str, Any]:
    made = pod(build, phase=phase)
    made["status"]["initContainerStatuses"].insert(0, {"name": "fetch", "state": fetch})
    return made


WAITING = {"waiting": {"reason": "PodInitializing"}}


@pytest.mark.parametrize(
    ("fetch", "build", "step", "fetches"),
    [
        (RUNNING, WAITING, Step.BUILDS, True),
        (ended(1), WAITING, Step.FAILED, True),
        (ended(137), WAITING, Step.LOST, True),
        (ended(0), WAITING, Step.WAITS, False),
        (ended(0), RUNNING, Step.BUILDS, False),
        (ended(0), ended(1), Step.FAILED, False),
    ],
)
def test_what_is_fetched_first_counts_until_it_is_there(fetch: dict[str, Any], build: dict[str, Any], step: Step, fetches: bool) -> None:
    found = see(job(), [fetching(fetch, build)], NOW)
    assert (found.step, found.fetches) == (step, fetches)


def test_the_newest_pod_counts() -> None:
    old, new = pod(ended(1), phase="Failed"), pod(RUNNING)
    new["metadata"]["creationTimestamp"] = "2026-03-01T11:59:59Z"
    assert see(job(), [new, old], NOW).step is Step.BUILDS
    assert see(job(), [old, new], NOW).since == "2026-03-01T11:59:30Z"


def no_log() -> bytes | None:
    return None


def log() -> bytes:
    return LOG


def test_an_image_comes_with_its_processes_and_the_log_says_so() -> None:
    found = ending_of(job(), Sight(Step.BUILT, "p", "sha256:11"), log)
    assert found is not None and found.status.image is not None
    assert (found.status.image.repository, found.status.image.digest, found.status.image.processes) == (
        "acme/api",
        "sha256:11",
        {"web": "x"},
    )
    assert found.beyond(0) == LOG + b"Processes\n  web: x\nImage sha256:11\n"
    assert found.beyond(len(LOG) + 3) == b"cesses\n  web: x\nImage sha256:11\n"


def test_a_refused_build_says_why_and_has_no_other_log() -> None:
    found = ending_of(job(notes=Notes(refused=Refused("dockerfile_missing", "no file", "add it"))), Sight(Step.WAITS), no_log)
    assert found is not None
    assert (found.status.state, found.status.code) == (JobState.FAILED, "dockerfile_missing")
    assert found.beyond(0) == b"failed: no file\nhint: add it\n"


@pytest.mark.parametrize("read", [log, no_log])
def test_a_failure_is_told_at_the_logs_end_even_if_the_rest_is_gone(read: Callable[[], bytes | None]) -> None:
    found = ending_of(job(), Sight(Step.TIMED_OUT), read)
    assert found is not None
    assert (found.status.code, found.status.message) == ("build_timeout", "the build did not end in 30 minutes")
    assert found.beyond(5000).startswith(b"failed: the build did not end in 30 minutes\nhint: ")


def test_without_a_log_the_pods_last_words_say_why() -> None:
    found = ending_of(job(), Sight(Step.FAILED, "p", words="error: failed to solve: the Dockerfile cannot be empty"), no_log)
    assert found is not None and found.status.code == "dockerfile_invalid"


def test_trouble_with_an_engine_is_told_by_an_error() -> None:
    found = ending_of(job(), Sight(Step.STUCK, words="not started: ImagePullBackOff"), no_log)
    assert found is not None and found.trouble is not None
    assert (found.trouble.code, "ImagePullBackOff" in found.trouble.message) == ("build_pod_stuck", True)


@pytest.mark.parametrize("step", [Step.WAITS, Step.BUILDS])
def test_what_goes_on_has_no_ending(step: Step) -> None:
    assert ending_of(job(), Sight(step, "p"), log) is None


def test_notes_are_read_as_they_were_written() -> None:
    notes = Notes(repository="a/b", processes={"web": "x: 'y'", "release": "z"}, log_base=7, refused=Refused("c", "m", "h"))
    assert Notes.of({"metadata": {"annotations": notes.written()}}) == notes
    assert Notes.of({"metadata": {}}) == Notes()
