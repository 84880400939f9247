"""How the node measures what a pod's processes use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.node.meter import EVERY, STALE, Meter, Reading, Running, Used, descendants, find_reading, is_due, read

MIB = 1024 * 1024
POD = Running(Path("pod"), run=2, started=100.0)


def used(cpu: float, memory: int = 0, *, parent: int = 1) -> Used:
    return Used(parent=parent, cpu_seconds=cpu, memory_bytes=memory)


def noted(at: float, cpu: float = 0.0) -> Reading:
    return Reading(run=2, at=at, cpu_seconds=cpu, cpu_millicores=0, memory_bytes=0)


def test_the_first_reading_averages_over_the_life_of_the_process() -> None:
    assert read(POD, None, [used(1.0), used(1.0)], 104.0).cpu_millicores == 500


def test_a_later_reading_averages_since_the_one_before() -> None:
    assert read(POD, noted(110.0, cpu=5.0), [used(20.0)], 120.0).cpu_millicores == 1500


def test_what_ended_unseen_never_makes_a_reading_negative() -> None:
    assert read(POD, noted(110.0, cpu=5.0), [used(1.0)], 120.0).cpu_millicores == 0


def test_memory_is_that_of_all_its_processes() -> None:
    assert read(POD, None, [used(0, MIB), used(0, 2 * MIB)], 101.0).memory_bytes == 3 * MIB


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [(None, 100.5, False), (None, 101.0, True), (noted(101.0), 101.0 + EVERY - 1, False), (noted(101.0), 101.0 + EVERY, True)],
)
def test_a_pod_is_measured_soon_and_then_from_time_to_time(last: Reading | None, now: float, due: bool) -> None:
    assert is_due(POD, last, now) is due


def test_a_pod_is_all_below_its_launcher_and_nothing_else() -> None:
    processes = {10: used(1, parent=1), 11: used(2, parent=10), 12: used(4, parent=11), 13: used(8, parent=1), 14: used(16, parent=10)}
    assert sorted(one.cpu_seconds for one in descendants(10, processes)) == [2, 4, 16]


def test_without_a_launcher_there_is_no_pod() -> None:
    assert descendants(0, {1: used(1, parent=0), 2: used(1, parent=1)}) == []


@pytest.fixture
def pod(tmp_path: Path) -> Running:
    """Recorded as a launcher does, with this very process in the launcher's place."""
    (tmp_path / "process").write_text(f"2 {os.getpid()} {os.getpid()} 1")
    return Running(tmp_path, run=2, started=time.time() - 2)


def test_a_reading_is_of_real_processes_and_is_found_while_it_is_new_and_of_that_run(pod: Running) -> None:
    with subprocess.Popen([sys.executable, "-c", "held = bytearray(b'x' * 30_000_000); input()"], stdin=subprocess.PIPE) as child:
        time.sleep(0.3)
        now = time.time()
        Meter().look([pod], now)
        child.communicate(b"\n")

    reading = find_reading(pod.folder, 2, now)
    assert reading is not None and reading.memory_bytes > 30_000_000
    assert find_reading(pod.folder, 3, now) is None, "another process has not been measured"
    assert find_reading(pod.folder, 2, now + STALE + 1) is None, "nobody measures any more"


def test_a_pod_without_a_process_is_not_measured(tmp_path: Path) -> None:
    Meter().look([Running(tmp_path, run=1, started=0.0)], time.time())
    assert find_reading(tmp_path, 1, time.time()) is None


def test_a_folder_that_cannot_be_written_keeps_nobody_from_going_on(pod: Running) -> None:
    (pod.folder / "usage.new").mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        Meter().look([pod], time.time())
        child.communicate(b"\n")
    assert find_reading(pod.folder, 2, time.time()) is None
