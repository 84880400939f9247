"""Free ports of the loopback interface for pods, and which ports a pod listens on in fact."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Collection, Iterator
from pathlib import Path

# Below the range from which the kernel takes the ports of outgoing connections, so it cannot take one in between.
_FIRST, _LAST = 20_000, 32_000
_LISTENING = "0A"


def free_port(taken: Collection[int]) -> int:
    """A port that nobody is bound to now. Raises OSError when there is none."""
    count, start = _LAST - _FIRST, random.randrange(_LAST - _FIRST)
    for port in (_FIRST + (start + step) % count for step in range(count)):
        if port in taken:
            continue
        with socket.socket() as probe:
            # As the process will do it: else a port whose connections are just closing would look taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free between 20000 and 32000")


def listening_ports(session: int) -> list[int]:
    """The TCP ports that the processes of this session listen on."""
    listeners = dict(_listeners())
    sockets = {inode for pid in _members(session) for inode in _sockets(pid)}
    return sorted({port for inode, port in listeners.items() if inode in sockets})


def _members(session: int) -> Iterator[int]:
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                if os.getsid(int(entry)) == session:
                    yield int(entry)
            except (ProcessLookupError, PermissionError):
                continue


def _sockets(pid: int) -> Iterator[str]:
    folder = Path(f"/proc/{pid}/fd")
    try:
        descriptors = os.listdir(folder)
    except OSError:
        return
    for descriptor in descriptors:
        try:
            target = os.readlink(folder / descriptor)
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]


def _listeners() -> Iterator[tuple[str, int]]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING:
                yield fields[9], int(fields[1].rpartition(":")[2], 16)
