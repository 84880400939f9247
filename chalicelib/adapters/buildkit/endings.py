"""How a build ended: pure, from what is seen of it and its log. The log's last lines are ours, and say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.buildkit.failures import Blame, find_failure
from chalicelib.adapters.buildkit.notes import Notes, Refused
from chalicelib.adapters.buildkit.sights import Sight, Step
from chalicelib.domain.builds import Image
from chalicelib.domain.errors import Unavailable
from chalicelib.ports.builder import BuildStatus, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """With `trouble`, the caller is told so first, once, and finds the build lost after that."""

    status: BuildStatus
    log: bytes | None
    """All that buildctl said, from this start on; None where it cannot be had any more."""
    words: str = ""
    """What is added to it."""
    trouble: Unavailable | None = None

    def beyond(self, offset: int) -> bytes:
        words = self.words.encode()
        return words if self.log is None else (self.log + words)[max(offset, 0) :]


def ending_of(job: Mapping[str, Any], sight: Sight, read: Callable[[], bytes | None], *, own_registry: str = "") -> Ending | None:
    """None while it goes on. `read` gets the log, where there is one; `own_registry` is the one that images are pushed to."""
    notes = Notes.of(job)
    if notes.refused is not None:
        return _failed(b"", notes.refused)
    match sight.step:
        case Step.WAITS | Step.BUILDS:
            return None
        case Step.STUCK:
            said = f"the build's pod cannot begin: {sight.words}"
            hint = "check ANCLA_BUILDKIT_IMAGE and the Secret with BuildKit's certificates; it is tried again"
            return _troubled(Unavailable(said, code="build_pod_stuck", hint=hint))
        case Step.TIMED_OUT:
            minutes = int(job["spec"].get("activeDeadlineSeconds", 0)) // 60
            hint = "look for the step that hangs in its log"
            return _failed(None, Refused(code="build_timeout", message=f"the build did not end in {minutes} minutes", hint=hint))
        case Step.TOO_LARGE:
            hint = "keep large files out of the repository: fetch them in a step of the Dockerfile, or when the process starts"
            return _failed(None, Refused(code="context_too_large", message="the commit's files take more room than a build may", hint=hint))
        case Step.LOST:
            return _lost(read() if sight.pod else None, sight.words or "its pod is gone")
        case Step.BUILT:
            return _built(read(), notes, sight.digest)
        case Step.FAILED:
            return _explained(read(), sight.words, own_registry)


def silent(address: str) -> Ending:
    """buildctl waits for BuildKit without a word."""
    said = f"BuildKit does not answer at {address}, or it and the build job do not trust each other's certificates"
    return _troubled(
        Unavailable(said, code="buildkit_unavailable", hint="check that it runs, ANCLA_BUILDKIT_ADDRESS, and the certificates")
    )


def _built(log: bytes | None, notes: Notes, digest: str) -> Ending:
    image = Image(repository=notes.repository, digest=digest, processes=notes.processes)
    lines = ["Processes", *(f"  {name}: {command}" for name, command in notes.processes.items()), f"Image {digest}"]
    return Ending(status=BuildStatus(state=JobState.SUCCEEDED, image=image), log=log, words=_lines(*lines))


def _explained(log: bytes | None, last_words: str, own_registry: str) -> Ending:
    finding = find_failure(last_words.encode() if log is None else log, own_registry=own_registry)
    match finding.blame:
        case Blame.USER:
            return _failed(log, Refused(finding.code, finding.message, finding.hint))
        case Blame.ENGINE:
            return _troubled(Unavailable(finding.message, code=finding.code, hint=finding.hint))
        case Blame.ACCIDENT:
            return _lost(log, finding.message)


def _failed(log: bytes | None, why: Refused) -> Ending:
    status = BuildStatus(state=JobState.FAILED, code=why.code, message=why.message, hint=why.hint)
    return Ending(status=status, log=log, words=_lines(f"failed: {why.message}", f"hint: {why.hint}"))


def _lost(log: bytes | None, why: str) -> Ending:
    return Ending(status=BuildStatus(state=JobState.LOST), log=log, words=_lines(f"lost: {why}"))


def _troubled(trouble: Unavailable) -> Ending:
    return Ending(status=BuildStatus(state=JobState.LOST), log=None, trouble=trouble)


def _lines(*lines: str) -> str:
    shown = ("".join(character if character.isprintable() else " " for character in line) for line in lines)
    return "".join(f"{line}\n" for line in shown)
