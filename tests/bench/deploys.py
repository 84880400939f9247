"""What Ancla adds to a deploy and to a rollback: each is paired with a bare one, and the bare one subtracted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from tests.bench.baseline import Bare, bare_deploy, bare_start, commit_server
from tests.bench.figures import Figure, spread
from tests.journeys.harness import Ancla
from tests.journeys.repository import Repository

LOOK_EVERY = 0.05
"""Seconds between two looks at the run. The times themselves come from its record, so this makes no figure coarser."""
QUIET = 0.3
"""Seconds before each measurement: what the one before left to do, such as chores and processes that end, is not to be counted."""


@dataclass(slots=True)
class Pairs:
    """`totals` are seconds from just before the request until the run's recorded end; `bare` what has to be subtracted from each."""

    totals: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    runs: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def overheads(self) -> list[float]:
        return [total - bare for total, bare in zip(self.totals, self.bare, strict=True)]


def measure_deploys(ancla: Ancla, path: str, repository: Repository, folder: Path, count: int) -> Pairs:
    """Deploys `count` new commits, each beside a bare deploy of it; which of both is first alternates."""
    pairs = Pairs()
    for number in range(count):
        commit_server(repository, f"deploy-{number}")
        bare = _bare(repository, folder) if number % 2 == 0 else None
        _timed(ancla, pairs, path, f"{path}/deploy", None)
        pairs.bare.append((bare or _bare(repository, folder)).total)
    return pairs


def measure_rollbacks(ancla: Ancla, path: str, repository: Repository, folder: Path, count: int) -> Pairs:
    """Goes back and forth between the two newest deploys, each time beside a bare start of such a process."""
    pairs = Pairs()
    versions = [deploy["version"] for deploy in ancla.api("GET", f"{path}/deploys")["items"][:2]]
    service, environment = path.rsplit("/", 1)[1], path.split("/envs/")[1].split("/")[0]
    rollback = f"{path.split('/envs/')[0]}/pipeline/rollback?service={service}&env={environment}"
    work = folder / "rollback"
    shutil.copytree(repository.folder, work, ignore=shutil.ignore_patterns(".git"))
    for number in range(count):
        time.sleep(QUIET)
        started = bare_start(work)
        _timed(ancla, pairs, path, rollback, {"version": versions[(number + 1) % 2]})
        pairs.bare.append(started)
    ancla.api("POST", f"{path}/unpin")
    return pairs


def deploy_figures(pairs: Pairs) -> list[Figure]:
    return [
        *spread("deploy: accepted -> active", pairs.totals, "s"),
        *spread("deploy: clone and start by hand", pairs.bare, "s"),
        *spread("deploy: the difference", pairs.overheads, "s", p50=0.3, p95=0.8),
    ]


def rollback_figures(pairs: Pairs) -> list[Figure]:
    return [
        *spread("rollback: accepted -> active", pairs.totals, "s"),
        *spread("rollback: start by hand", pairs.bare, "s"),
        *spread("rollback: the difference", pairs.overheads, "s", p50=0.5, p95=0.5),
    ]


def timeline(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The mean seconds that the runs were at each stage, in order; `accepted` is until the first one."""
    stays: dict[str, list[float]] = {}
    for run in runs:
        moments = [("accepted", run["accepted"]), *((stage["stage"], stage["since"]) for stage in run["stages"])]
        times = [_moment(text) for _, text in moments] + [_moment(run["finished"])]
        for (stage, _), since, until in zip(moments, times, times[1:], strict=False):
            stays.setdefault(stage, []).append(until - since)
    return {stage: fmean(seconds) for stage, seconds in stays.items()}


def _bare(repository: Repository, folder: Path) -> Bare:
    time.sleep(QUIET)
    return bare_deploy(repository.folder, folder / "bare")


def _timed(ancla: Ancla, pairs: Pairs, path: str, request: str, body: Any) -> None:
    time.sleep(QUIET)
    began = time.time()
    number = int(ancla.api("POST", request, body)["run"])
    while not (run := ancla.run(path, number))["outcome"]:
        time.sleep(LOOK_EVERY)
    if run["outcome"] != "succeeded":
        raise RuntimeError(f"run {number} of {path} was to succeed, but {run['outcome']}: {run['failure'] or run['detail']}")
    pairs.totals.append(_moment(run["finished"]) - began)
    pairs.runs.append(run)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
