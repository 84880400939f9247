"""The release command: at most once for a deploy, before any traffic moves.

The pod is made behind a gate, so nothing runs; its UID is committed to the run; then the gate is lifted for that very pod. A pod
that is gone without a result is never made again: the deploy fails, since nobody can know how far the command got.
"""

from __future__ import annotations

from chalicelib.domain.deploys import deploy_log
from chalicelib.domain.procfile import RELEASE
from chalicelib.domain.runs import Run, Stage
from chalicelib.manifests import names
from chalicelib.manifests.kubernetes import render_release_config, render_release_pod
from chalicelib.manifests.surroundings import surroundings_of
from chalicelib.pipeline.loads import anchor_of, fence_of, load_snapshot
from chalicelib.pipeline.narration import append, narrate, unrecorded, within
from chalicelib.pipeline.outcome import Go, StepResult, Wait, fail
from chalicelib.pipeline.slices import Slice, pause
from chalicelib.pipeline.steps.diagnosis import certain_failure, process_output
from chalicelib.ports import Ports
from chalicelib.ports.cluster import PodPhase, PodStatus

MAX_OUTPUT = 1024 * 1024
CUT = b"\n[the release command goes on: only the first 1 MB of its output are kept]\n"
MAX_TAIL = 16 * 1024
"""Bytes of the log's end that are looked into for its last lines."""
FROM_SIGNALS = 128
"""Exit codes above it tell of a signal, and the message says of which."""
CUT_OFF_HINT = "check how far it got before you deploy again: it is not run a second time"


def start_release(run: Run, ports: Ports, time: Slice) -> StepResult:
    made = load_snapshot(ports, run.owner, run.snapshot)
    around = surroundings_of(ports.settings)
    config = render_release_config(run.address, run.owner, made, snapshot_hash=run.snapshot, surroundings=around)
    manifest = render_release_pod(run.address, run.owner, made, snapshot_hash=run.snapshot, turn=run.turn, surroundings=around)
    ports.cluster.apply(config, owner=anchor_of(run), fence=fence_of(run))
    uid = ports.cluster.start_gated_pod(manifest, owner=anchor_of(run), fence=fence_of(run))
    told = narrate(ports, run, f"release: {made.release_command}")
    return Go(Stage.WATCH_RELEASE, told.noting(release_uid=uid, release_began=told.facts["log"]))


def watch_release(run: Run, ports: Ports, time: Slice) -> StepResult:
    name = names.release_pod_name(run.address, run.owner, run.turn)
    namespace, uid = run.facts["namespace"], run.facts["release_uid"]
    ports.cluster.lift_gate(namespace, name, uid)
    seen = int(run.facts.get("release_log", "0"))
    if written := unrecorded(ports, run):
        seen += written
        run = run.noting(log=int(run.facts["log"]) + written)
    status = ports.cluster.watch_pod(namespace, name, uid, log_offset=seen, seconds=time.left())
    noted = append(ports, run, within(status.log, seen, MAX_OUTPUT, CUT)).noting(release_log=seen + len(status.log))
    if status.failure:
        return certain_failure(noted, RELEASE, status.failure, status.message)
    match status.phase:
        case PodPhase.SUCCEEDED:
            return Go(Stage.ROLL_OUT, noted)
        case PodPhase.FAILED:
            return _failed(noted, status, _last_words(ports, noted))
        case PodPhase.GONE:
            return fail(
                noted,
                "release_lost",
                "the release command was cut off: its pod is gone and left no result",
                CUT_OFF_HINT,
            )
        case _:
            return Wait(pause((ports.clock.now() - run.stage_since).total_seconds()), noted)


def _last_words(ports: Ports, run: Run) -> list[str]:
    """The end of what is kept of the release command's output."""
    began, end = int(run.facts.get("release_began", "0")), int(run.facts.get("log", "0"))
    text = ports.logs.read(deploy_log(run.owner, run.number), start=max(began, end - MAX_TAIL))
    return text.decode(errors="replace").splitlines()


def _failed(run: Run, status: PodStatus, output: list[str]) -> StepResult:
    cut_off = status.exit_code is None
    code = "release_lost" if cut_off else "release_failed"
    how = "was cut off" if cut_off else f"ended with exit code {status.exit_code}"
    said = f": {status.message}" if status.message and (cut_off or (status.exit_code or 0) > FROM_SIGNALS) else ""
    evidence = process_output(RELEASE, output)
    hint = CUT_OFF_HINT if cut_off else "look at its output in the deploy's log; nothing was rolled out"
    return fail(run, code, f"the release command {how}{said}", hint, evidence)
