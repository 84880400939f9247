"""The stage table: each stage and the step that moves a run on from it."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.domain.runs import Run, Stage
from chalicelib.pipeline.outcome import StepResult, Wait
from chalicelib.pipeline.slices import Slice
from chalicelib.pipeline.steps.release import start_release, watch_release
from chalicelib.pipeline.steps.revert import revert, salvage, watch_revert
from chalicelib.pipeline.steps.roll_out import activate, make_anchor, preflight, prepare, register, roll_out, watch_roll_out
from chalicelib.pipeline.steps.snapshot import snapshot
from chalicelib.pipeline.steps.source import resolve_ref, reuse, start_build, watch_build
from chalicelib.pipeline.steps.teardown import fan_out, purge, take_down, watch_fan_out, watch_take_down
from chalicelib.ports import Ports

Step = Callable[[Run, Ports, Slice], StepResult]

IDLE = 600.0


def wait_for_turn(run: Run, ports: Ports, time: Slice) -> StepResult:
    """Nothing to do: the run that ends hands the lane on. Looked at now and then all the same, so that nothing is ever forgotten."""
    return Wait(IDLE, run)


STEPS: dict[Stage, Step] = {
    Stage.WAITING: wait_for_turn,
    Stage.RESOLVE: resolve_ref,
    Stage.REUSE: reuse,
    Stage.BUILD: start_build,
    Stage.WATCH_BUILD: watch_build,
    Stage.SNAPSHOT: snapshot,
    Stage.PREFLIGHT: preflight,
    Stage.ANCHOR: make_anchor,
    Stage.PREPARE: prepare,
    Stage.RELEASE: start_release,
    Stage.WATCH_RELEASE: watch_release,
    Stage.ROLL_OUT: roll_out,
    Stage.WATCH_ROLL_OUT: watch_roll_out,
    Stage.REGISTER: register,
    Stage.ACTIVATE: activate,
    Stage.SALVAGE: salvage,
    Stage.REVERT: revert,
    Stage.WATCH_REVERT: watch_revert,
    Stage.TAKE_DOWN: take_down,
    Stage.WATCH_TAKE_DOWN: watch_take_down,
    Stage.PURGE: purge,
    Stage.FAN_OUT: fan_out,
    Stage.WATCH_FAN_OUT: watch_fan_out,
}
