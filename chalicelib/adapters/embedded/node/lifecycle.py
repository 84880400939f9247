"""What is known of one pod, and how an event changes it: pure, and stored as the pod's status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from chalicelib.adapters.exits import NOT_EXECUTABLE, NOT_FOUND, describe_end, describe_exit

FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
LONG_LIFE = 60.0
"""A process that lived for so many seconds starts its back-off anew."""
CERTAIN_EXITS = 2
"""So many ends before a process ever was available make it certain that it will not be."""
KEPT_EVENTS = 10


class Phase(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    """Between two processes, or for something that it needs to start one."""
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


FINAL = frozenset({Phase.SUCCEEDED, Phase.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PodState:
    phase: Phase = Phase.PENDING
    run: int = 0
    """How many processes were started; the number of the newest."""
    port: int = 0
    started: float = 0.0
    ready: bool = False
    ready_since: float = 0.0
    available: bool = False
    """Ready for as long as the Deployment asks."""
    proven: bool = False
    """Some process of this pod was available once."""
    early_exits: int = 0
    """Ends before that."""
    quick_exits: int = 0
    """Short lives in a row: what the back-off grows with."""
    retry_at: float = 0.0
    exit_code: int | None = None
    failure: str = ""
    """A code (see ports/cluster.py) when it is certain that the pod will not get ready."""
    message: str = ""
    probe: str = ""
    hint: str = ""
    events: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def parse_state(status: Mapping[str, Any]) -> PodState:
    """The state that `as_json` gave; a status that was never written is that of a new pod."""
    if not status:
        return PodState()
    return PodState(**{**status, "phase": Phase(status["phase"]), "events": tuple(status["events"])})


def starting(state: PodState, *, port: int, now: float) -> PodState:
    """Written before the process is started, so that a node which dies in between knows."""
    return replace(
        state, phase=Phase.RUNNING, run=state.run + 1, port=port, started=now, ready=False, available=False, probe="", hint="", message=""
    )


def probed(state: PodState, *, ready: bool, probe: str, hint: str, now: float) -> PodState:
    since = state.ready_since if state.ready else now
    return replace(state, ready=ready, ready_since=since, available=state.available and ready, probe=probe, hint=hint)


def matured(state: PodState) -> PodState:
    """It has been ready for long enough."""
    return replace(state, available=True, proven=True, early_exits=0, failure="", message="")


def exited(state: PodState, code: int, *, once: bool, now: float) -> PodState:
    """The pod's process ended by itself, with an exit code as Kubernetes writes it (128 + signal)."""
    told = noted(replace(state, exit_code=code, ready=False, available=False), f"process {state.run} {describe_exit(code)}")
    if once:
        return replace(told, phase=Phase.SUCCEEDED if code == 0 else Phase.FAILED, message=describe_exit(code))
    quick = 0 if now - state.started >= LONG_LIFE else state.quick_exits
    early = state.early_exits if state.proven else state.early_exits + 1
    return replace(
        told,
        phase=Phase.WAITING,
        early_exits=early,
        quick_exits=quick + 1,
        retry_at=now + restart_delay(quick),
        failure=state.failure or certain_failure(code, early),
        message=describe_end(code, was_ready=state.proven),
    )


def unstarted(state: PodState, *, message: str, failure: str, once: bool, now: float) -> PodState:
    """No process could be started; `failure` says when that is certain to stay so."""
    told = noted(state, message) if message != state.message else state
    if once:
        return replace(told, phase=Phase.FAILED, message=message, failure=failure)
    return replace(
        told,
        phase=Phase.WAITING,
        quick_exits=state.quick_exits + 1,
        retry_at=now + restart_delay(state.quick_exits),
        failure=failure,
        message=message,
    )


def lost(state: PodState, *, once: bool) -> PodState:
    """Its process went with the machine or was killed unseen: a Deployment's pod starts anew, a one-off never does."""
    told = noted(replace(state, ready=False, available=False), f"process {state.run} is gone, its exit code is not known")
    if once:
        return replace(told, phase=Phase.FAILED, message="the process is gone and its exit code is not known")
    return replace(told, phase=Phase.WAITING, retry_at=0.0)


def noted(state: PodState, event: str) -> PodState:
    return replace(state, events=(*state.events, event)[-KEPT_EVENTS:])


def restart_delay(quick_exits: int) -> float:
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(quick_exits, 16))


def certain_failure(code: int, early_exits: int) -> str:
    if early_exits and code in {NOT_FOUND, NOT_EXECUTABLE}:
        return "command_not_found"
    return "process_exited" if early_exits >= CERTAIN_EXITS else ""
