"""`python -m tests.bench`: how quick and how small Ancla is on this machine, as a table and as a file.

ANCLA_BENCH_OUT names the file (default: bench.json). Ends with 0 when everything could be measured, whatever the figures are.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.bench.baseline import commit_server
from tests.bench.crowd import measure_crowd, prepare_crowd
from tests.bench.deploys import Pairs, deploy_figures, measure_deploys, measure_rollbacks, rollback_figures, timeline
from tests.bench.figures import Figure, table
from tests.bench.idle import measure_idle
from tests.bench.reads import measure_reads, prepare_config, reads_of_resolved_config
from tests.bench.running import describe_machine, run_to_the_end, summary
from tests.journeys.harness import Ancla
from tests.journeys.repository import Repository

DEPLOYS = 50
ROLLBACKS = 20
CROWD = 20
SERVICES = ("one", "two", "three")


class Bench:
    """Everything that is measured, one after the other, in one Ancla."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.deploys, self.rollbacks = Pairs(), Pairs()
        self.load_before = os.getloadavg()[0]

    def run(self, folder: Path) -> None:
        with Ancla(folder) as ancla:
            repository = Repository(folder / "repository")
            paths = _three_services(ancla, repository)
            self._take("idle", measure_idle(ancla, len(paths)))
            self.deploys = measure_deploys(ancla, paths[0], repository, folder, DEPLOYS)
            self._take("deploys", deploy_figures(self.deploys))
            self.rollbacks = measure_rollbacks(ancla, paths[0], repository, folder, ROLLBACKS)
            self._take("rollbacks", rollback_figures(self.rollbacks))
            configured = prepare_config(ancla, "bench/variables/production/many", repository)
            self._take("reads", [*measure_reads(ancla, paths[0], configured), reads_of_resolved_config()])
            self._take("a crowd", measure_crowd(ancla, prepare_crowd(ancla, folder, CROWD)))
            self._take("idle again", measure_idle(ancla, len(paths) + CROWD))

    def as_json(self) -> dict[str, object]:
        return {
            "machine": describe_machine(self.load_before),
            "figures": [figure.as_json() for figure in self.figures],
            "timelines": {"deploy": timeline(self.deploys.runs), "rollback": timeline(self.rollbacks.runs)},
            "samples": {"deploy_overheads": self.deploys.overheads, "rollback_overheads": self.rollbacks.overheads},
        }

    def _take(self, what: str, figures: list[Figure]) -> None:
        self.figures += figures
        print(f"measured: {what}", file=sys.stderr)


def main() -> int:
    bench = Bench()
    return run_to_the_end("bench", bench.run, lambda seconds: _report(bench, seconds))


def _report(bench: Bench, seconds: float) -> None:
    out = Path(os.environ.get("ANCLA_BENCH_OUT", "bench.json"))
    out.write_text(json.dumps(bench.as_json(), indent=2) + "\n")
    print(table(bench.figures))
    print(_story("a deploy's stages", timeline(bench.deploys.runs)))
    print(_story("a rollback's stages", timeline(bench.rollbacks.runs)))
    print(summary(seconds, bench.load_before, out))


def _three_services(ancla: Ancla, repository: Repository) -> list[str]:
    commit_server(repository, "first")
    paths = [ancla.make_service(f"bench/shop/production/{name}", repository) for name in SERVICES]
    for path, number in [(path, ancla.deploy(path)) for path in paths]:
        ancla.ended(path, number)
    return paths


def _story(title: str, stages: dict[str, float]) -> str:
    """Where the time goes, on the average, in milliseconds."""
    return f"{title}, ms: " + ", ".join(f"{stage} {seconds * 1000:.0f}" for stage, seconds in stages.items())


if __name__ == "__main__":
    sys.exit(main())
