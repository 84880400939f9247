"""What Ancla takes while nothing happens: processor time and memory of the server and the node, without the users' processes."""

from __future__ import annotations

import os
import time
from pathlib import Path

from chalicelib.adapters.embedded.node.control import node_pid
from tests.bench.figures import Figure
from tests.journeys.harness import Ancla
from tests.journeys.waiting import wait_for

SECONDS = 20.0
SETTLE = 3.0
"""Seconds for what follows a deploy: chores, and processes that end."""
MIB = 1024 * 1024


def measure_idle(ancla: Ancla, services: int) -> list[Figure]:
    """Over 20 s, from /proc."""
    time.sleep(SETTLE)
    node = wait_for(lambda: node_pid(ancla.home), what="the node to run")
    pids = [ancla.pid, node]
    began, before = time.monotonic(), sum(_processor_seconds(pid) for pid in pids)
    time.sleep(SECONDS)
    used, passed = sum(_processor_seconds(pid) for pid in pids) - before, time.monotonic() - began
    memory = sum(_resident_bytes(pid) for pid in pids)
    launchers = _children(node)
    return [
        Figure(name=f"idle with {services} services: of one core", measured=used / passed * 100, unit="%", goal=2),
        Figure(name=f"idle with {services} services: memory", measured=memory / MIB, unit="MiB", goal=200),
        Figure(
            name=f"idle with {services} services: memory of {len(launchers)} launchers",
            measured=sum(_own_bytes(pid) for pid in launchers) / MIB,
            unit="MiB",
        ),
    ]


def _processor_seconds(pid: int) -> float:
    """User and system time of all threads of the process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _own_bytes(pid: int) -> int:
    """Its share of the memory that it uses: pages of several processes count in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
