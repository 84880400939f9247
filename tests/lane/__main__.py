"""`python -m tests.lane [--again] [SHARE…]`: brings sets of the real engines up, runs the shares on them, and takes the sets down.

SETS says how many sets (default: what the machine bears, four at most). Ends with 0 when every share passed. With `--again`, a test that
fails is run once more, and named where it passes then. What each share said is in build/test-engines/, and where it failed, what the
engines and each Ancla said.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from tests.lane.grounds import Ground
from tests.lane.runs import Runs
from tests.lane.shares import Share, shares

MEMORY_OF_A_SET = 3 << 30
"""Bytes that a set takes with what runs on it, at most."""
SETS = 4
ALL_WITHIN = 50 * 60.0
"""Seconds after which what still runs is ended."""


def main() -> int:
    options = _options(shares())
    chosen: Sequence[Share] = options.shares
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    sets, began = min(_sets(), len(chosen)), time.monotonic()
    runs = Runs(chosen, again=options.again)
    print(f"{len(chosen)} shares on {sets} sets of engines; what they say is in {runs.folder}", flush=True)
    with ThreadPoolExecutor(sets) as pool:
        workers = [pool.submit(_work, Ground(number, runs.folder / f"set-{number}.log"), runs) for number in range(1, sets + 1)]
        try:
            wait(workers, timeout=ALL_WITHIN)
        except KeyboardInterrupt:
            print("interrupted: what runs is ended, and the sets are taken down", file=sys.stderr)
        runs.stop()
    broken = [str(trouble) for worker in workers if (trouble := worker.exception())]
    return _report(runs, broken, time.monotonic() - began)


def _work(ground: Ground, runs: Runs) -> None:
    with ground:
        while share := runs.next():
            done = runs.run(share, ground)
            print(f"{'passed' if done.passed else 'FAILED'}  {share.name}: {done.summary}", flush=True)


def _report(runs: Runs, broken: Sequence[str], seconds: float) -> int:
    failed = [one for one in runs.done if not one.passed]
    for one in failed:
        print(f"\n===== {one.share.name} =====\n{one.output.read_text(errors='replace')}")
    for trouble in broken:
        print(trouble, file=sys.stderr)
    for shaky in (test for one in runs.done for test in one.shaky):
        print(f"failed at first and passed at the second try: {shaky}")
    passed = len(runs.done) - len(failed)
    print(f"{passed} of {runs.count} shares passed in {seconds / 60:.1f} minutes", flush=True)
    return 0 if passed == runs.count and not broken else 1


def _options(known: Sequence[Share]) -> argparse.Namespace:
    names = ", ".join(repr(share.name) for share in known)
    parser = argparse.ArgumentParser(prog="python -m tests.lane", description="The suites and the stories on the real engines.")
    parser.add_argument("shares", nargs="*", metavar="SHARE", help=f"of {names}; without any, all")
    parser.add_argument("--again", action="store_true", help="run a test that fails once more, by itself")
    options = parser.parse_args()
    wanted = set(options.shares)
    if unknown := wanted - {share.name for share in known}:
        parser.error(f"there is no share {min(unknown)!r}: use {names}")
    options.shares = [share for share in known if not wanted or share.name in wanted]
    return options


def _sets() -> int:
    asked = os.environ.get("SETS", "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(asked) if asked else max(1, min(SETS, 2 * (os.cpu_count() or 1), memory // MEMORY_OF_A_SET))


if __name__ == "__main__":
    sys.exit(main())
