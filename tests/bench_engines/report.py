"""Runs the parts, one after the other and in one Ancla, and shows what came out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from chalicelib.domain.errors import AnclaError
from tests.bench.figures import Figure, table
from tests.bench.running import CANNOT_BE_MEASURED, describe_machine, run_to_the_end, summary
from tests.bench_engines.builds import measure_builds
from tests.bench_engines.canary import measure_canary
from tests.bench_engines.load import measure_load
from tests.bench_engines.pairs import figures_of, measure_pairs, samples_of, timelines_of
from tests.bench_engines.stage import Stage, set_up
from tests.bench_engines.verdicts import measure_verdicts

PAIRS = 30
TURNS = 100


class Bench:
    """What was measured so far."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.samples: dict[str, object] = {}
        self.timelines: Mapping[str, Mapping[str, float]] = {}
        self.load_before = os.getloadavg()[0]

    def run(self, part: str, stage: Stage) -> None:
        if part == "pairs":
            pairs = measure_pairs(stage, _number("PAIRS", PAIRS), _say)
            self.figures += figures_of(pairs)
            self.samples, self.timelines = samples_of(pairs), timelines_of(pairs)
        elif part == "load":
            self.figures += measure_load(stage, _number("TURNS", TURNS), _say)
        elif part == "builds":
            self.figures += measure_builds(stage)
        elif part == "verdicts":
            self.figures += measure_verdicts(stage)
        else:
            self.figures += measure_canary(stage, _say)
        _say(f"measured: {part}")

    def as_json(self) -> dict[str, object]:
        return {
            "machine": describe_machine(self.load_before),
            "figures": [figure.as_json() for figure in self.figures],
            "timelines": self.timelines,
            "samples": self.samples,
        }


def run_parts(parts: Sequence[str]) -> int:
    """The exit code."""
    bench = Bench()

    def measure(folder: Path) -> None:
        with set_up(folder) as stage:
            for part in parts:
                bench.run(part, stage)

    return run_to_the_end("bench-engines", measure, lambda seconds: _report(bench, seconds), ends=(*CANNOT_BE_MEASURED, AnclaError))


def _report(bench: Bench, seconds: float) -> None:
    out = Path(os.environ.get("ANCLA_BENCH_OUT", "bench-engines.json"))
    out.write_text(json.dumps(bench.as_json(), indent=2) + "\n")
    print(table(bench.figures))
    for verb, stages in bench.timelines.items():
        print(f"a {verb}'s stages, ms: " + ", ".join(f"{stage} {each * 1000:.0f}" for stage, each in stages.items()))
    print(summary(seconds, bench.load_before, out))


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() and int(text) > 0 else default


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
