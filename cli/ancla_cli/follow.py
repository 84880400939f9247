"""Follows a run live and says how it ended."""

from __future__ import annotations

from functools import partial

from ancla_sdk import encode
from ancla_sdk.models import Accepted, Run

from ancla_cli.app import App
from ancla_cli.framework import plain
from ancla_cli.result import INTERRUPTED, CommandError, Paint, Problem, Renderer, Result
from ancla_cli.shapes import reached_at
from ancla_cli.text import duration
from ancla_cli.trail import Trail, passed_lines, ticking_line


def started(app: App, address: str, accepted: Accepted, *, follow: bool, since: float) -> Result:
    """The result of a request that was accepted: what it ended in, or with `follow` off that it is on its way."""
    if not accepted.run:
        return _held(address, accepted)
    if not follow:
        return _on_its_way(address, accepted)
    run = _follow(app, address, accepted.run, since)
    seconds = app.around.clock() - since
    service = app.patient_client.services.get(address)
    if run.outcome == "failed" and service.active_deploy:
        app.ui.progress(lambda paint: [f"{paint.accent('✓')} deploy {service.active_deploy} is still active"])
    serves = run.kind != "build_only" and run.outcome in {"succeeded", "unchanged"}
    return concluded(run, address=address, url=reached_at(service) if serves else "", seconds=seconds)


def concluded(run: Run, *, address: str, url: str, seconds: float) -> Result:
    """What there is to say about a run that ended, in `seconds` from the request on."""
    data = {**encode(run), "url": url, "seconds": round(seconds, 3)}
    problem = _problem(run, address)
    if problem:
        return Result(data=data, render=lambda paint: [], quiet=[run.outcome], problem=problem)
    return Result(data=data, render=_good_news(run, address, url, seconds), quiet=[run.outcome])


def _follow(app: App, address: str, number: int, since: float) -> Run:
    trail = Trail()
    try:
        for run in app.patient_client.runs.watch(address, number):
            now = app.around.clock()
            trail, passed = trail.seen(run, now)
            if passed:
                app.ui.progress(partial(passed_lines, passed))
            if run.open:
                app.ui.tick(partial(ticking_line, run, now - since))
    except KeyboardInterrupt as interrupt:
        raise CommandError(
            Problem(
                code="follow_stopped",
                message=f"stopped following; run {number} of {address} goes on",
                hint=f"see how it does with 'ancla status {address}'",
            ),
            INTERRUPTED,
        ) from interrupt
    return run


def _problem(run: Run, address: str) -> Problem | None:
    if run.outcome == "superseded":
        return Problem(
            code="superseded",
            message=f"run {run.run} of {address} was superseded: {run.detail or 'a newer request took its place'}",
            hint=f"see the newer one with 'ancla status {address}'",
        )
    if run.outcome != "failed":
        return None
    if run.failure is None:
        return Problem(code="failed", message=run.detail or f"run {run.run} of {address} failed", hint=f"see 'ancla logs {address}'")
    return Problem(code=run.failure.code, message=run.failure.message, hint=run.failure.hint, evidence=run.failure.evidence)


def _good_news(run: Run, address: str, url: str, seconds: float) -> Renderer:
    took = duration(seconds)
    if run.outcome == "unchanged":
        text = f"nothing to do: {run.detail or f'{address} runs this already'}"
    elif run.outcome == "included":
        text = f"done: {run.detail or 'a newer run brought this along'}"
    elif run.kind == "build_only":
        text = f"build v{run.build} of {address} is ready"
    elif not run.deploy:
        text = f"run {run.run} of {address} is done"
    else:
        text = f"deploy {run.deploy} of {address} is active{_made_of(run)}"
    pinned = run.kind == "rollback" and run.outcome in {"succeeded", "unchanged"}

    def render(paint: Paint) -> list[str]:
        lines = [f"{text} {paint.dim(f'({took})')}"]
        if url:
            lines.append(paint.accent(url))
        if pinned:
            lines.append(paint.dim(f"pinned: pushes wait until 'ancla unpin {address}', or a deploy by hand"))
        return lines

    return render


def _made_of(run: Run) -> str:
    return f": build v{run.build}{f' of {run.commit[:7]}' if run.commit else ''}" if run.build else ""


def _on_its_way(address: str, accepted: Accepted) -> Result:
    text = f"run {accepted.run} of {address} is on its way"
    return Result(
        data=encode(accepted),
        render=plain(text),
        quiet=[str(accepted.run)],
        note=f"see how it does with 'ancla status {address}'",
    )


def _held(address: str, accepted: Accepted) -> Result:
    problem = Problem(
        code="held",
        message=f"{address} is pinned by a rollback: the request is held and nothing was deployed",
        hint=f"let it go on with 'ancla unpin {address}'",
    )
    return Result(data=encode(accepted), render=lambda paint: [], quiet=["held"], problem=problem)
