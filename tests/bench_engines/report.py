"""Runs the parts, one after the other and in one Ancla, and shows what came out."""

from __future__ import annotations

import http.client
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

import httpx

from chalicelib.adapters.embedded.disk import remove_tree
from chalicelib.domain.errors import AnclaError
from tests.bench.figures import Figure, table
from tests.bench_engines.builds import measure_builds
from tests.bench_engines.canary import measure_canary
from tests.bench_engines.load import measure_load
from tests.bench_engines.pairs import figures_of, measure_pairs, samples_of, timelines_of
from tests.bench_engines.stage import Stage, set_up

PAIRS = 30
TURNS = 100
CANNOT_BE_MEASURED = (
    RuntimeError,
    AssertionError,
    OSError,
    subprocess.SubprocessError,
    httpx.HTTPError,
    http.client.HTTPException,
    AnclaError,
)
"""What a server or a machine that does not do its part ends a measurement with; the harness asserts."""


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
        else:
            self.figures += measure_canary(stage, _say)
        _say(f"measured: {part}")

    def as_json(self) -> dict[str, object]:
        return {
            "machine": {
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "kernel": platform.release(),
                "load_before": self.load_before,
                "load_after": os.getloadavg()[0],
            },
            "figures": [figure.as_json() for figure in self.figures],
            "timelines": self.timelines,
            "samples": self.samples,
        }


def run_parts(parts: Sequence[str]) -> int:
    """The exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="ancla-bench-"))
    bench, problem, began = Bench(), "", time.monotonic()
    try:
        with set_up(folder) as stage:
            for part in parts:
                bench.run(part, stage)
    except KeyboardInterrupt:
        print("bench-engines: interrupted, nothing was written", file=sys.stderr)
        return 130
    except CANNOT_BE_MEASURED as error:
        problem = f"bench-engines: the rest could not be measured: {error or type(error).__name__}"
    finally:
        remove_tree(folder)
    _report(bench, time.monotonic() - began)
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


def _report(bench: Bench, seconds: float) -> None:
    out = Path(os.environ.get("ANCLA_BENCH_OUT", "bench-engines.json"))
    out.write_text(json.dumps(bench.as_json(), indent=2) + "\n")
    print(table(bench.figures))
    for verb, stages in bench.timelines.items():
        print(f"a {verb}'s stages, ms: " + ", ".join(f"{stage} {each * 1000:.0f}" for stage, each in stages.items()))
    print(f"took {seconds:.0f} s on {os.cpu_count()} cores, load {bench.load_before:.1f} before; written to {out}")


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() and int(text) > 0 else default


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # A second Ctrl-C must not leave half of it running.
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)
    raise KeyboardInterrupt
