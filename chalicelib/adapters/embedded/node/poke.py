"""Wakes the node: a datagram without content, since what is wanted is in the objects."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = "node.sock"


def poke(home: Path) -> None:
    """Wakes the node; that none runs is no error, since the next one looks by itself."""
    with _addressed(home) as address, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        try:
            sender.sendto(b"", address)
        except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
            pass  # with a full socket it is awake anyway


@contextmanager
def listening(home: Path, woken: Callable[[], None]) -> Iterator[None]:
    """Calls `woken` on the running loop for every poke, for the time of the block."""
    loop = asyncio.get_running_loop()
    with _addressed(home) as address, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        (home / _NAME).unlink(missing_ok=True)  # an earlier node's
        receiver.bind(address)
        receiver.setblocking(False)
        loop.add_reader(receiver, _receive, receiver, woken)
        try:
            yield
        finally:
            loop.remove_reader(receiver)


def _receive(receiver: socket.socket, woken: Callable[[], None]) -> None:
    try:
        receiver.recv(1)
    except BlockingIOError:
        return
    woken()


@contextmanager
def _addressed(home: Path) -> Iterator[str]:
    """The socket's address by way of an open folder: a path of its own may be longer than the 107 bytes that a socket's can be."""
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{_NAME}"
    finally:
        os.close(folder)
