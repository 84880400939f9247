"""Looks after the node, for as long as Ancla serves."""

from __future__ import annotations

import logging
import os
import select

from chalicelib.adapters.embedded.node.control import ensure_node, node_pid
from chalicelib.domain.errors import AnclaError
from chalicelib.settings import Settings

LOOK = 1.0
"""Seconds after which it is looked after in any case; one that dies again and again is not started more often than that."""

_LOG = logging.getLogger("ancla.local")


def keep_node(settings: Settings, until: int) -> None:
    """Starts a node that died again, at once: it finds its processes running. Returns when the descriptor `until` can be read."""
    pid = node_pid(settings.home)
    while not await_end(pid, until, LOOK):
        pid = node_pid(settings.home)
        if pid is None:
            _start_again(settings)


def await_end(pid: int | None, until: int, seconds: float) -> bool:
    """Waits for the end of the process, so many seconds at most; True as soon as the descriptor `until` can be read."""
    poller = select.poll()
    poller.register(until, select.POLLIN)
    process = _open(pid)
    try:
        if process is not None:
            poller.register(process, select.POLLIN)
        return any(descriptor == until for descriptor, _ in poller.poll(seconds * 1000))
    finally:
        if process is not None:
            os.close(process)


def _open(pid: int | None) -> int | None:
    """A descriptor that can be read when the process has ended; None without one, or where the kernel gives none."""
    try:
        return None if pid is None else os.pidfd_open(pid)
    except OSError:
        return None


def _start_again(settings: Settings) -> None:
    _LOG.warning("the node is gone and is started again")
    try:
        ensure_node(settings)
    except AnclaError as error:
        _LOG.error("the node could not be started: %s", error.message)
