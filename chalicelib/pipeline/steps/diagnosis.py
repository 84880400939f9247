"""From what the cluster saw to the failure that people read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from chalicelib.domain.failures import Failure
from chalicelib.domain.runs import Run
from chalicelib.pipeline.outcome import Fail, fail
from chalicelib.ports.cluster import PodEvidence

_HINTS = {
    "process_exited": "the last lines of its log say why; run the command locally with the same variables",
    "command_not_found": "check the command in the Procfile, and that the image holds the program",
    "image_unavailable": "deploy again; if it goes on, the registry has to be looked at",
    "out_of_memory": "give it less to do at once, or more memory",
    "unschedulable": "the cluster has no room for it: scale something down",
    "image_runs_as_root": "let the image run as another user: a line such as 'USER 1000' at the end of the Dockerfile",
    "quota_exceeded": "scale something down, or let an operator raise the quota of the workspace's namespace",
    "admission_denied": "what the cluster says in the message is a rule of its own: follow it, or ask who runs the cluster",
}
_NOT_FOUND = re.compile(r"\b404\b")
_NO_SUCH_PATH = "answer 2xx at the health check's path, or name a path that does: ancla services update … --health-check-path /"
MAX_PODS = 3
LOG_LINES = 10
MAX_LINE = 300
"""Characters of one line of evidence: it is kept with the run, whose record must stay small whatever a process prints."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def certain_failure(run: Run, process: str, code: str, message: str) -> Fail:
    """A process type that cannot get healthy any more, or a release command that cannot start."""
    return fail(run, code, f"{process}: {message or 'failed'}", _HINTS.get(code, ""))


def with_evidence(failure: Failure, pods: Sequence[PodEvidence]) -> Failure:
    """The failure with what the pods have to tell: their state, last probe answer and log lines. What a health check hints at counts
    only where that is what failed: beside a process that exits, another may have been ended while it still started."""
    guilty = [pod for pod in pods if not pod.healthy][:MAX_PODS]
    told = [line for line in shown(line for pod in guilty for line in _lines(pod)) if line not in failure.evidence]
    if failure.code != "health_check_failed":
        return replace(failure, evidence=(*failure.evidence, *told))
    probes = [pod.probe for pod in guilty if pod.probe]
    hints = [pod.hint for pod in guilty if pod.hint] or [_NO_SUCH_PATH for probe in probes if _NOT_FOUND.search(probe)]
    message = f"{failure.message}: {probes[0]}" if probes else failure.message
    return replace(failure, message=message, hint=hints[0] if hints else failure.hint, evidence=(*failure.evidence, *told))


def waited_for(pods: Sequence[PodEvidence]) -> str:
    """One line on the pod that a roll-out waits for: its state, or what its health check answered last; empty when there is none."""
    waiting = next((pod for pod in pods if not pod.healthy), None)
    return _shown(f"waiting for {waiting.process}: {waiting.probe or waiting.state}") if waiting else ""


def shown(lines: Iterable[str]) -> tuple[str, ...]:
    """Lines of anybody's as they can be shown anywhere: without colours and control characters, and none of them too long."""
    return tuple(_shown(line) for line in lines)


def process_output(process: str, lines: Sequence[str]) -> tuple[str, ...]:
    """The last of what it printed."""
    return shown(f"{process} | {line}" for line in lines[-LOG_LINES:])


def _shown(line: str) -> str:
    plain = "".join(character if character.isprintable() else " " for character in _COLOUR.sub("", line))
    return plain if len(plain) <= MAX_LINE else f"{plain[:MAX_LINE]}…"


def _lines(pod: PodEvidence) -> list[str]:
    restarts = f", restarted {pod.restarts} times" if pod.restarts > 1 else ", restarted once" if pod.restarts else ""
    lines = [f"{pod.process}: {pod.state}{restarts}"]
    if pod.probe:
        lines.append(f"{pod.process} health check: {pod.probe}")
    lines += process_output(pod.process, pod.log_tail)
    lines += [f"{pod.process} event: {event}" for event in pod.events[-3:]]
    return lines
