"""Brings a set of engines up and down, and says how it does. Nothing of this stays running: engines are processes of their own.

`up` gives each engine a thread, which waits for the engines that it needs, starts the process unless it lives, and waits until it
is ready. So all that can start at the same time does.
"""

from __future__ import annotations

import fcntl
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from engines.commands import tail
from engines.engine import Check, Engine, Place, State, definition_of, in_order
from engines.errors import Trouble
from engines.files import ensure_text
from engines.processes import is_alive, read_record, spawn, stop, write_record
from engines.site import Site, ensure_home, is_home
from engines.status import Row, judge

NODE = "node"
"""The engine whose process holds the namespaces of `Place.NODE`."""
POLL = 0.1
LOOK_WITHIN = 8.0
Say = Callable[[str], None]


def up(engines: Sequence[Engine], site: Site, say: Say = print) -> None:
    """Starts what is not running, in the order of needs, and returns when all are ready. Raises Trouble for the first that fails."""
    order = in_order(engines)
    ensure_home(site)
    with _alone(site), ThreadPoolExecutor(max_workers=len(order)) as pool:
        raised: dict[str, Future[None]] = {}
        for engine in order:
            raised[engine.name] = pool.submit(_raise_in_turn, engine, [raised[need] for need in engine.needs], site, say)
        failures = [failure for future in raised.values() if (failure := future.exception()) is not None]
    if failures:
        raise failures[0]
    _write_environment(order, site)


def down(engines: Sequence[Engine], site: Site, *, keep: bool, say: Say = print) -> None:
    """Stops everything, the last started first, and clears away what it left. The home goes as well, unless it is to be kept."""
    if not is_home(site):
        say(f"nothing is running from {site.home}")
        return
    with _alone(site):
        for engine in reversed(in_order(engines)):
            if halt(engine, site):
                say(f"stopped {engine.name}")
            engine.clean()
        site.environment.unlink(missing_ok=True)
        if not keep:
            shutil.rmtree(site.home)


def halt(engine: Engine, site: Site) -> bool:
    """Ends the engine's process; says whether there was one. It stays known as stopped, not as dead."""
    process = read_record(site.record(engine.name))
    lives = process is not None and is_alive(process)
    if process is not None and lives:
        stop(process, within=engine.stop_within)
    site.record(engine.name).unlink(missing_ok=True)
    return lives


def look(engines: Sequence[Engine], site: Site, *, within: float = LOOK_WITHIN) -> list[Row]:
    """How each engine is doing now, in the order in which they start. One that takes long to answer is not ready."""
    answers: dict[str, bool] = {}

    def ask(engine: Engine) -> None:
        answers[engine.name] = engine.ready()

    order = in_order(engines)
    # Daemons, since what hangs (a question to the API server while etcd is away) is not to hold up the answer about the others.
    threads = [threading.Thread(target=ask, args=(engine,), daemon=True) for engine in order if not engine.argv or _lives(engine, site)]
    end = time.monotonic() + within
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return [_row(engine, site, ready=answers.get(engine.name, False)) for engine in order]


def enter_node(site: Site) -> tuple[str, ...]:
    """The words in front of a command that is to run inside the node's namespaces."""
    holder = read_record(site.record(NODE))
    if holder is None or not is_alive(holder):
        raise Trouble("the node is not running", "make engines-up")
    # `ip netns exec` would mount a fresh /sys, which hides the cgroups.
    return ("nsenter", "--mount", "--net", "--pid", "--target", str(holder.pid), "--")


def _raise_in_turn(engine: Engine, needs: Sequence[Future[None]], site: Site, say: Say) -> None:
    for need in needs:
        need.result()  # raises again what went wrong there
    start = time.monotonic()
    fresh = _start(engine, site)
    if engine.argv or engine.answers:
        _wait(engine, engine.answers or engine.ready, site)
    engine.after()
    _wait(engine, engine.ready, site)
    say(f"{'started' if fresh else 'ready  '} {engine.name} {engine.version} in {time.monotonic() - start:.1f} s")


def _start(engine: Engine, site: Site) -> bool:
    """Starts the engine's process unless it lives and is what is wanted; says whether it had to."""
    engine.before()
    if not engine.argv:
        return False
    process, wanted = read_record(site.record(engine.name)), definition_of(engine)
    if process is not None and is_alive(process):
        if process.definition == wanted:
            return False
        stop(process, within=engine.stop_within)
    inside = engine.place is Place.NODE
    argv = (*enter_node(site), *engine.argv) if inside else engine.argv
    started = spawn(argv, engine.environment, site.log(engine.name), forks=inside or engine.forks)
    write_record(site.record(engine.name), replace(started, definition=wanted))
    return True


def _wait(engine: Engine, check: Check, site: Site) -> None:
    process = read_record(site.record(engine.name)) if engine.argv else None
    end = time.monotonic() + engine.ready_within
    while not check():
        if process is not None and not is_alive(process):
            raise _failure(engine, "ended before it was ready", site)
        if time.monotonic() > end:
            raise _failure(engine, f"is not ready after {engine.ready_within:.0f} s", site)
        time.sleep(POLL)


def _failure(engine: Engine, what: str, site: Site) -> Trouble:
    said = tail(site.log(engine.name), 5)
    return Trouble(f"{engine.name} {what}" + (f"; its last words:\n{said}" if said else ""), f"make engines-logs NAME={engine.name}")


def _lives(engine: Engine, site: Site) -> bool:
    process = read_record(site.record(engine.name))
    return process is not None and is_alive(process)


def _row(engine: Engine, site: Site, *, ready: bool) -> Row:
    process = read_record(site.record(engine.name))
    alive = process is not None and is_alive(process)
    state = judge(engine, pid=process.pid if process else None, alive=alive, ready=ready)
    shown = process.pid if process is not None and state is not State.STOPPED else None
    return Row(engine.name, engine.version, state, engine.address, shown)


def _write_environment(engines: Sequence[Engine], site: Site) -> None:
    lines = [f"{key}={value}\n" for engine in engines for key, value in engine.exports.items()]
    ensure_text(site.environment, "".join(lines), mode=0o600)


@contextmanager
def _alone(site: Site) -> Iterator[None]:
    """One `up` or `down` at a time."""
    with (site.home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Trouble("the engines are being brought up or down by another command", "wait for it to end") from error
        yield
