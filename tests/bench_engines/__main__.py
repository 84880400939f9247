"""`python -m tests.bench_engines [PART…]`: Ancla on the real engines beside kubectl and helm, as a table and as a file.

PART is one of pairs, load, builds, verdicts, canary; without any, all of them. PAIRS and TURNS say how many rounds and how many deploys
under load; ANCLA_BENCH_OUT names the file (default: bench-engines.json). Ends with 0 when everything could be measured, whatever the
figures are.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

PARTS = ("pairs", "load", "builds", "verdicts", "canary")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_engines", description="Ancla on the real engines, in figures.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; without any, all")
    parts = parser.parse_args().parts or list(PARTS)
    unknown = [part for part in parts if part not in PARTS]
    home = os.environ.get("ANCLA_ENGINES_HOME", "")
    if unknown:
        parser.error(f"there is no part {unknown[0]}: use {', '.join(PARTS)}")
    if os.environ.get("ANCLA_PROFILE") != "engines" or not home or not (Path(home) / "environment").is_file():
        print(
            "bench-engines: no running engines were named: start them with 'make engines-up', "
            "and set ANCLA_PROFILE=engines and ANCLA_ENGINES_HOME",
            file=sys.stderr,
        )
        return 1
    # What it imports reads at once which engines there are.
    from tests.bench_engines.report import run_parts

    return run_parts(parts)


if __name__ == "__main__":
    sys.exit(main())
