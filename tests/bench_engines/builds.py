"""What a build costs the first time, after a change of the source alone, and of a commit that was built before."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.kinds import place
from chalicelib.manifests.buildkit import job_name
from tests.bench.figures import Figure
from tests.bench_engines.stage import SECRET, WORKSPACE, Stage, moment
from tests.journeys.ground import GROUND
from tests.journeys.repository import SERVER

ADDRESS = f"{WORKSPACE}/builds/production/web"
DOCKERFILE = """FROM {base}
WORKDIR /app
COPY dependencies.txt .
RUN python3 -m compileall -q -f -o 0 -o 1 -o 2 /usr/lib/python3.11 && sleep {waits}
COPY . .
USER 1000
"""
"""As Dockerfiles are written: first what changes seldom. There is no package index where it is built: compiling the libraries stands for
the work of an install, and the sleep for its downloads."""
INSTALL_WAITS = 20
"""Seconds. Half a minute in all is what an install of some fifty packages takes over a usual line."""
SHARE = 0.25


def measure_builds(stage: Stage) -> list[Figure]:
    """Three deploys: of a new commit, of the same once more, and of one that changes the source alone."""
    base = stage.ancla.environ["ANCLA_ENGINES_BASE_IMAGE"]
    # Another text than in any earlier measurement: nothing of it may be in the cache.
    dockerfile = DOCKERFILE.format(base=base, waits=INSTALL_WAITS)
    files = {"dependencies.txt": f"{uuid.uuid4()}\n", "Dockerfile": dockerfile, "Procfile": "web: python server.py\n"}
    repository = stage.new_repository("builds")
    repository.commit({**files, "server.py": SERVER, "VERSION": "1"})
    path = stage.ancla.make_service(ADDRESS, repository)
    stage.set_variable(path, SECRET, "a-secret-of-the-measurement", secret=True)
    first, again = stage.deploy(path), stage.deploy(path)
    repository.commit({**files, "VERSION": "2"})
    changed = stage.deploy(path)
    if not _jobs(stage, first) == _jobs(stage, changed) == 1:
        raise RuntimeError("a run that built has no job in the cluster: builds cannot be counted by their jobs")
    took = moment(again["finished"]) - moment(again["accepted"])
    return [
        Figure(name="first build", measured=seconds_of(first), unit="s"),
        Figure(name="build after a change of the source alone", measured=seconds_of(changed), unit="s", goal=SHARE * seconds_of(first)),
        Figure(name="second deploy of one commit: builds", measured=_jobs(stage, again), unit="", goal=0),
        Figure(name="second deploy of one commit: accepted -> ended", measured=took, unit="s"),
    ]


def seconds_of(run: Mapping[str, Any]) -> float:
    """From the start of the build until the image is in the registry."""
    since = {stage["stage"]: moment(stage["since"]) for stage in run["stages"]}
    return since["snapshot"] - since["build"]


def _jobs(stage: Stage, run: Mapping[str, Any]) -> int:
    """How many jobs there are in the cluster that build for that run."""
    assert GROUND.admin is not None
    if not run["build_id"]:
        return 0
    job = place("Job", stage.ancla.environ["ANCLA_BUILDKIT_NAMESPACE"], job_name(run["build_id"]))
    return 0 if Api(GROUND.admin).find(job) is None else 1
