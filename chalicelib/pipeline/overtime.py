"""What it means when a stage has used up its time."""

from __future__ import annotations

from chalicelib.domain.runs import Run, Stage
from chalicelib.pipeline.outcome import Fail, fail
from chalicelib.pipeline.work import REVERTING, stage_ends, stage_limit

_MEANING: dict[Stage, tuple[str, str, str]] = {
    Stage.RESOLVE: ("repository_unavailable", "the repository did not answer", "check that its server is up, then deploy again"),
    Stage.WATCH_BUILD: ("build_timeout", "the build did not end", "look at the build's log for the step that hangs"),
    Stage.WATCH_RELEASE: (
        "release_timeout",
        "the release command did not end",
        "run long work in a process of its own, or raise deployment_timeout",
    ),
    Stage.WATCH_ROLL_OUT: (
        "health_check_failed",
        "not every process was healthy",
        "look at the evidence; raise deployment_timeout if the process only starts slowly",
    ),
}


def out_of_time(run: Run) -> Fail:
    """The failure of a run that was too long at its stage. A revert that cannot be done in its time ends the run all the same:
    what it could not put back, a reconcile chore goes on with."""
    ends = stage_ends(run) or run.stage_since + stage_limit(run)
    seconds = int((ends - run.stage_since).total_seconds())
    if run.stage in REVERTING and run.failure is not None:
        said = f"{run.failure.message}; putting the previous deploy back is not done after {seconds} s and goes on in the background"
        return fail(run.noting(reconcile=1), run.failure.code, said, run.failure.hint, run.failure.evidence)
    code, what, hint = _MEANING.get(
        run.stage, ("stage_timeout", f"the stage {run.stage.value} did not end", "this is on Ancla's side; deploy again")
    )
    last_error = run.facts.get("last_error", "")
    because = f" ({last_error})" if last_error and run.attempts else ""
    return fail(run, code, f"{what} within {seconds} s{because}", hint)
