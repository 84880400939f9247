"""Starts and stops the node from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import chalicelib
from chalicelib.adapters.embedded.node.launcher import start_time
from chalicelib.adapters.embedded.node.presence import PORT_TAKEN, RUNS_ALREADY, presence
from chalicelib.domain.errors import Unavailable
from chalicelib.settings import Settings

NODE_COMMAND = (sys.executable, "-m", "chalicelib.adapters.embedded.node")
_START_WITHIN = 20.0
_STOP_WITHIN = 20.0
_LOG_CAP = 1024 * 1024


def ensure_node(settings: Settings, *, command: Sequence[str] = NODE_COMMAND) -> None:
    """Starts the node of the settings' home unless it runs, and returns when its router listens. A node that listens elsewhere than
    the settings say hands its pods over to a new one. Raises Unavailable when it cannot begin, such as on a taken port."""
    running = presence(settings.home)
    if running is not None:
        if (running.host, running.port) == (settings.host, settings.router_port):
            return
        _signal_and_wait(running.pid, signal.SIGHUP)
    settings.home.mkdir(parents=True, exist_ok=True)
    log = settings.home / "node.log"
    node = _start(settings, command, log)
    deadline = time.monotonic() + _START_WITHIN
    while presence(settings.home) is None:
        # One that found another starting beside it leaves that one to it.
        if node.poll() not in {None, RUNS_ALREADY} and presence(settings.home) is None:
            raise _did_not_start(settings, node.returncode or 0, log)
        if time.monotonic() > deadline:
            raise _did_not_start(settings, 0, log)
        time.sleep(0.01)
    # It is meant to outlive this process, but one that dies sooner must not stay as a zombie.
    threading.Thread(target=node.wait, name="node", daemon=True).start()


def stop_node(home: Path) -> None:
    """Ends all services of the home and then the node, and waits for that. That none runs is no error."""
    running = presence(home)
    if running is not None:
        _signal_and_wait(running.pid, signal.SIGTERM)


def node_pid(home: Path) -> int | None:
    running = presence(home)
    return None if running is None else running.pid


def _start(settings: Settings, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    if log.exists() and log.stat().st_size > _LOG_CAP:
        log.unlink()
    with open(log, "ab") as output:
        return subprocess.Popen(
            [*command, "--home", str(settings.home), "--host", settings.host, "--router-port", str(settings.router_port)],
            cwd=Path(chalicelib.__file__).parents[1],
            env={name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _did_not_start(settings: Settings, code: int, log: Path) -> Unavailable:
    last = (log.read_text(errors="replace").splitlines() or ["it wrote nothing"])[-1]
    if code == PORT_TAKEN:
        return Unavailable(
            f"the router's port {settings.router_port} on {settings.host} is taken",
            code="router_port_taken",
            hint="set ANCLA_ROUTER_PORT to a free port, or end what listens there",
        )
    return Unavailable(f"the node did not start: {last}", code="node_unavailable", hint=f"see {str(log)!r}")


def _signal_and_wait(pid: int, number: signal.Signals) -> None:
    """Until the process itself is gone: it takes its presence back a little earlier."""
    started = start_time(pid)
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    deadline = time.monotonic() + _STOP_WITHIN
    while started and start_time(pid) == started:
        if time.monotonic() > deadline:
            raise Unavailable(f"the node (process {pid}) does not end", code="node_unavailable", hint=f"end it: kill -9 {pid}")
        time.sleep(0.01)
