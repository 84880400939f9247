"""What pods use of processor and memory, read off their processes in /proc: the node measures, whoever asks reads what it noted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from chalicelib.adapters.embedded.node import launcher
from chalicelib.adapters.embedded.node.process import launcher_of

EVERY = 10.0
"""Seconds over which a pod's use of processors is averaged."""
FIRST = 1.0
"""The same for its first reading, from its process's start on."""
STALE = 3 * EVERY
"""A reading that is older tells of a node that does not measure any more."""
_NOTE = "usage"
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Running:
    """A pod's process, as the node knows it."""

    folder: Path
    run: int
    started: float


@dataclass(frozen=True, slots=True)
class Reading:
    run: int
    at: float
    cpu_seconds: float
    """What the process and its descendants used up to now."""
    cpu_millicores: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Used:
    """One process of the machine."""

    parent: int
    cpu_seconds: float
    """With that of its children that have ended and that it took leave of."""
    memory_bytes: int


class Meter:
    """Notes a reading in each pod's folder. A reading needs no disk that survives anything: one that cannot be written is left out."""

    def __init__(self) -> None:
        self._last: dict[Path, Reading] = {}

    def look(self, pods: Iterable[Running], now: float) -> None:
        """Measures those whose time has come, all with one look at the machine's processes."""
        running = list(pods)
        self._last = {pod.folder: last for pod in running if (last := self._last.get(pod.folder)) and last.run == pod.run}
        due = [pod for pod in running if is_due(pod, self._last.get(pod.folder), now)]
        processes = dict(_processes()) if due else {}
        for pod in due:
            tree = descendants(launcher_of(pod.folder, pod.run), processes)
            if tree:
                reading = read(pod, self._last.get(pod.folder), tree, now)
                self._last[pod.folder] = reading
                with suppress(OSError):
                    launcher.write(str(pod.folder), _NOTE, json.dumps(asdict(reading)))


def find_reading(folder: Path, run: int, now: float) -> Reading | None:
    """The pod's newest reading; None while there is none of this very process."""
    try:
        reading = Reading(**json.loads((folder / _NOTE).read_text()))
    except FileNotFoundError:
        return None
    return reading if reading.run == run and now - reading.at <= STALE else None


def is_due(pod: Running, last: Reading | None, now: float) -> bool:
    return now - last.at >= EVERY if last else now - pod.started >= FIRST


def read(pod: Running, last: Reading | None, tree: Iterable[Used], now: float) -> Reading:
    """The first one averages over the process's life so far. Memory is what `ps` shows as resident: what several processes share
    counts for each of them."""
    used = list(tree)
    cpu = sum(one.cpu_seconds for one in used)
    since, before = (last.at, last.cpu_seconds) if last else (pod.started, 0.0)
    # What ended and was taken leave of by nobody is missing from the sum.
    rate = max(0.0, cpu - before) / max(now - since, FIRST)
    return Reading(pod.run, now, cpu, round(1000 * rate), sum(one.memory_bytes for one in used))


def descendants(root: int, processes: Mapping[int, Used]) -> list[Used]:
    """All below the launcher, which is the node's and not the pod's."""
    children: dict[int, list[int]] = {}
    for pid, one in processes.items():
        children.setdefault(one.parent, []).append(pid)
    found: list[Used] = []
    left = list(children.get(root, ())) if root else []
    while left:
        pid = left.pop()
        found.append(processes[pid])
        left += children.get(pid, ())
    return found


def _processes() -> Iterator[tuple[int, Used]]:
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                fields = Path(f"/proc/{entry}/stat").read_bytes().rpartition(b")")[2].split()
            except OSError:  # it ended just now
                continue
            # The text after the name begins with field 3.
            ticks = sum(int(field) for field in fields[11:15])
            yield int(entry), Used(parent=int(fields[1]), cpu_seconds=ticks / _TICKS, memory_bytes=int(fields[21]) * _PAGE)
