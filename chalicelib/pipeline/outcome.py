"""What a step says about its run."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.deploys import Running
from chalicelib.domain.failures import Failure
from chalicelib.domain.runs import Outcome, Run, Stage
from chalicelib.ports.store import Change


@dataclass(frozen=True, slots=True)
class Go:
    """On to the next stage, with the run as it is now and what else belongs into the same commit."""

    to: Stage
    run: Run
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to decide yet: look again in so many seconds."""

    seconds: float
    run: Run
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Fail:
    """The user's problem, and final. (An exception is ours, and tried again.)"""

    failure: Failure
    run: Run


@dataclass(frozen=True, slots=True)
class End:
    """The run is over: it did what was asked, or there was nothing to do. `becomes` is what its lane runs from now on."""

    outcome: Outcome
    run: Run
    detail: str = ""
    becomes: Running | None = None
    changes: tuple[Change, ...] = ()


StepResult = Go | Wait | Fail | End


def fail(run: Run, code: str, message: str, hint: str = "", evidence: tuple[str, ...] = ()) -> Fail:
    return Fail(Failure(code=code, message=message, hint=hint, evidence=evidence), run)
