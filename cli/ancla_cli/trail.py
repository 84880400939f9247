"""A run as people follow it: a few phases, each with the time it took. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ancla_sdk.models import Run

from ancla_cli.result import Paint
from ancla_cli.text import duration

PHASES: Mapping[str, str] = {
    "waiting": "wait",
    "resolve": "build",
    "reuse": "build",
    "build": "build",
    "watch_build": "build",
    "snapshot": "prepare",
    "preflight": "prepare",
    "anchor": "prepare",
    "prepare": "prepare",
    "release": "release",
    "watch_release": "release",
    "roll_out": "roll out",
    "watch_roll_out": "roll out",
    "register": "activate",
    "activate": "activate",
    "salvage": "revert",
    "revert": "revert",
    "watch_revert": "revert",
    "take_down": "take down",
    "watch_take_down": "take down",
    "purge": "take down",
    "fan_out": "take down",
    "watch_fan_out": "take down",
}
WAIT, BUILD, REVERT = "wait", "build", "revert"
FINISHED = "finished"
_WIDTH = max(len(phase) for phase in PHASES.values())


@dataclass(frozen=True, slots=True)
class Phase:
    """`at` is when it began, in seconds of any one clock."""

    name: str
    at: float


@dataclass(frozen=True, slots=True)
class Passed:
    """A phase that is over."""

    name: str
    seconds: float
    detail: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Trail:
    """What has been seen of a run so far, and how many phases of it were told already."""

    phases: tuple[Phase, ...] = ()
    told: int = 0

    def seen(self, run: Run, now: float) -> tuple[Trail, list[Passed]]:
        """The trail with this look at the run added, and the phases that are newly over. The server's own times are used where the
        run carries them: phases between two looks are not missed then."""
        phases = _recorded(run) if run.stages else _observed(self.phases, run, now)
        end = _seconds(run.finished) if run.stages and run.finished else now
        over = len(phases) if not run.open else max(len(phases) - 1, 0)
        ends = [*(phase.at for phase in phases[1:]), end]
        passed = [
            Passed(phases[i].name, max(ends[i] - phases[i].at, 0.0), _detail(phases[i].name, run), _failed(phases, i, run))
            for i in range(self.told, over)
        ]
        return Trail(phases, max(self.told, over)), passed


def passed_lines(passed: Sequence[Passed], paint: Paint) -> list[str]:
    return [_passed_line(phase, paint) for phase in passed]


def ticking_line(run: Run, seconds: float, paint: Paint) -> str:
    """The line that is replaced again and again while a run is on its way; `seconds` since it was asked for."""
    name = _phase_of(run.stage)
    return f"{paint.accent('…')} {name.ljust(_WIDTH)}  {duration(seconds).rjust(8)}  {paint.dim(_detail(name, run))}".rstrip()


def _passed_line(passed: Passed, paint: Paint) -> str:
    mark = paint.error("✗") if passed.failed else paint.accent("✓")
    return f"{mark} {passed.name.ljust(_WIDTH)}  {duration(passed.seconds).rjust(8)}  {paint.dim(passed.detail)}".rstrip()


def _phase_of(stage: str) -> str:
    return PHASES.get(stage, stage.replace("_", " "))


def _recorded(run: Run) -> tuple[Phase, ...]:
    return _merged([Phase(_phase_of(stage.stage), _seconds(stage.since)) for stage in run.stages if stage.stage != FINISHED])


def _observed(before: Sequence[Phase], run: Run, now: float) -> tuple[Phase, ...]:
    if run.stage in {"", FINISHED}:
        return tuple(before)
    return _merged([*before, Phase(_phase_of(run.stage), now)])


def _merged(phases: Sequence[Phase]) -> tuple[Phase, ...]:
    """Neighbours of one name are one phase, which began with the first."""
    return tuple(phase for i, phase in enumerate(phases) if i == 0 or phases[i - 1].name != phase.name)


def _failed(phases: Sequence[Phase], index: int, run: Run) -> bool:
    """The phase before the revert failed; without a revert, the last one of a failed run, if it can have been: between two looks
    the run may have got further than was seen."""
    name = phases[index].name
    if index + 1 < len(phases):
        return phases[index + 1].name == REVERT
    if name in {WAIT, REVERT} or (name == BUILD and run.deploy):
        return False
    return run.outcome == "failed"


def _detail(phase: str, run: Run) -> str:
    if phase == BUILD and run.build:
        return f"v{run.build}{f' of {run.commit[:7]}' if run.commit else ''}"
    if phase == "roll out" and run.deploy:
        return f"deploy {run.deploy}"
    if phase == REVERT:
        return "all is as it was before"
    if phase == WAIT and run.stage == "waiting":
        return "for the one before it to end"
    return ""


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
