"""`python -m tests.demo`: the main job on one machine, told step by step, each of its promises checked.

KEEP=1 leaves everything running at the end; ANCLA_HOME chooses the folder (default: a fresh one, removed at the end, whose facts stay
in .ancla-home/demo.json).
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from ancla_sdk import AnclaError

from tests.demo.homes import HomeProblem, prepared_home
from tests.demo.scene import STAGING, Scene
from tests.demo.server import Server, ServerProblem
from tests.demo.story import STEPS
from tests.demo.telling import CheckFailed, Teller


def main() -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    teller = Teller(sys.stdout)
    try:
        home = prepared_home(os.environ.get("ANCLA_HOME", ""))
    except HomeProblem as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    keep = os.environ.get("KEEP", "") not in {"", "0"}
    server = Server(home.path)
    held = False
    try:
        held = _told(teller, Scene(server, home.code))
        if held:
            teller.say("", *(_how_to_reach(server) if keep else _what_to_try()), f"  Facts: {home.facts}")
    except KeyboardInterrupt:
        teller.say("interrupted")
    finally:
        # A second Ctrl-C must not leave half of it running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        teller.write_facts(home.facts, held=held)
        if not (keep and held):
            server.stop()
            home.leave(keep_files=not held)
    return 0 if held else 1


def _told(teller: Teller, scene: Scene) -> bool:
    """Whether every step was done and every check held."""
    teller.say("The main job of Ancla, on this machine:", "")
    try:
        for number, (title, step) in enumerate(STEPS, start=1):
            with teller.step(number, title) as telling:
                step(scene, telling)
    except (CheckFailed, ServerProblem, AnclaError) as problem:
        teller.say(f"  ✗  {problem}", f"     the server's log: {scene.server.log}")
        return False
    finally:
        scene.close()
    steps, checks, seconds = teller.totals()
    teller.say("", f"  all {checks} checks of {steps} steps held, in {seconds:.1f} s")
    return True


def _what_to_try() -> list[str]:
    return [
        "  Next:  make demo KEEP=1   the same, and leaves it running to try the commands on",
        "         make up            serves for your own services",
        "         ancla --help       what there is",
    ]


def _how_to_reach(server: Server) -> list[str]:
    return [
        f"  It goes on running.  export ANCLA_SERVER={server.url} ANCLA_API_KEY=$(cat {server.key_file})",
        f"                       .venv/bin/ancla status {STAGING}",
        f"  To stop it:          kill {server.pid}",
    ]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


sys.exit(main())
