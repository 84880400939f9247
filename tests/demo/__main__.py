"""`python -m tests.demo`: the main job on one machine, told step by step, each of its promises checked.

KEEP=1 leaves everything running at the end; ANCLA_HOME chooses the folder (default: a fresh one, removed at the end).
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from tests.demo.homes import HomeProblem, prepared_home
from tests.demo.server import Server, ServerProblem
from tests.demo.story import STEPS, Scene
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
        held = _told(Scene(teller=teller, server=server))
        if keep and held:
            teller.say(*_how_to_go_on(server))
    except KeyboardInterrupt:
        teller.say("interrupted")
    finally:
        teller.write_facts(home.path / "demo.json", held=held)
        if not (keep and held):
            server.stop()
            home.leave(keep_files=not held)
    return 0 if held else 1


def _told(scene: Scene) -> bool:
    """Whether every step was done and every check held."""
    scene.teller.say("The main job of Ancla, on this machine:", "")
    try:
        for number, (title, step) in enumerate(STEPS, start=1):
            with scene.teller.step(number, title) as telling:
                step(scene, telling)
    except (CheckFailed, ServerProblem) as problem:
        scene.teller.say(f"  ✗ {problem}", f"    the server's log: {scene.server.log}")
        return False
    finally:
        scene.close()
    scene.teller.summary()
    return True


def _how_to_go_on(server: Server) -> list[str]:
    return [
        "",
        f"It goes on running. Try:  export ANCLA_SERVER={server.url} ANCLA_API_KEY=$(cat {server.key_file})",
        "                          ancla status acme/shop/staging/api",
        f"Stop it with:             kill {server.pid}",
    ]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


sys.exit(main())
