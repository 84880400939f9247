"""The node's process: its lock, its signals, its router and its supervisor, from start to end."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chalicelib.adapters.embedded.disk import OWNER_ONLY
from chalicelib.adapters.embedded.node.objects import open_objects
from chalicelib.adapters.embedded.node.poke import listening
from chalicelib.adapters.embedded.node.presence import PORT_TAKEN, RUNS_ALREADY, announce, lock_path
from chalicelib.adapters.embedded.node.router import Router, listen, router_session
from chalicelib.adapters.embedded.node.supervisor import Supervisor
from chalicelib.adapters.embedded.node.supplies import Supplies

_LOG = logging.getLogger("ancla.node")
HAND_OVER = signal.SIGHUP
"""Ends the node and leaves its pods running for the next one; SIGTERM and SIGINT end the pods too."""


def serve(home: Path, host: str, port: int, supplies: Supplies) -> int:
    """Runs the node of `home` until a signal ends it, and returns the exit code."""
    os.umask(OWNER_ONLY)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    home.mkdir(parents=True, exist_ok=True)
    with _exclusive(lock_path(home)) as lock:
        if lock is None:
            print(f"a node runs in {str(home)!r} already; stop it first", file=sys.stderr)
            return RUNS_ALREADY
        return asyncio.run(_serve(home, host, port, supplies, lock))


async def _serve(home: Path, host: str, port: int, supplies: Supplies, lock: int) -> int:
    ended: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
    for number in (signal.SIGTERM, signal.SIGINT, HAND_OVER):
        asyncio.get_running_loop().add_signal_handler(number, _end, ended, number)
    async with router_session() as session:
        router = Router(session)
        try:
            server = await listen(router, host, port)
        except OSError as error:
            print(f"the router cannot listen on {host}:{port}: {error.strerror}; set ANCLA_ROUTER_PORT to a free port", file=sys.stderr)
            return PORT_TAKEN
        with open_objects(home, durable=False) as objects:
            supervisor = Supervisor(home, objects, router, session, supplies)
            with listening(home, supervisor.poke):
                supervisor.begin()
                announce(lock, host, port)
                _LOG.info("node runs in %s, router on %s:%d", home, host, port)
                await _until(ended, supervisor)
                await supervisor.close(leave=ended.result() is HAND_OVER)
        await server.cleanup()
    return 0


async def _until(ended: asyncio.Future[signal.Signals], supervisor: Supervisor) -> None:
    work = asyncio.create_task(supervisor.work())
    aims: list[asyncio.Future[Any]] = [ended, work]
    await asyncio.wait(aims, return_when=asyncio.FIRST_COMPLETED)
    if work.done():
        work.result()  # raises: a node that cannot go on ends, and its pods run on
    work.cancel()


def _end(ended: asyncio.Future[signal.Signals], number: signal.Signals) -> None:
    if not ended.done():
        ended.set_result(number)


@contextmanager
def _exclusive(path: Path) -> Iterator[int | None]:
    """The lock file's descriptor, or None while another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        os.truncate(descriptor, 0)
        yield descriptor
        os.truncate(descriptor, 0)
    finally:
        os.close(descriptor)
