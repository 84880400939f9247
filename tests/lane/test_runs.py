"""What counts as passed: a share whose failures passed when they were run again, but never one that did not come to its end."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.lane.grounds import Ground
from tests.lane.runs import Runs
from tests.lane.shares import Share

SUMMARY = "FAILED tests/contracts/test_x.py::test_it[a b] - assert 1 == 2\n1 failed, 3 passed in 0.10s"
SHARE = Share("x", ("tests/contracts/test_x.py",))


class Scripted(Ground):
    """A ground without engines, on which each program prints the summary and ends with the next of these codes."""

    def __init__(self, log: Path, *codes: int) -> None:
        super().__init__(1, log)
        self.codes = list(codes)
        self.asked: list[Sequence[str]] = []

    def start(self, command: Sequence[str], settings: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
        self.asked.append(command)
        output.write_text(SUMMARY)
        return subprocess.Popen(["sh", "-c", f"exit {self.codes.pop(0)}"], process_group=0)

    def keep_logs(self, folder: Path) -> None: ...


@pytest.mark.parametrize(("codes", "passed", "shaky"), [((0,), True, 0), ((1, 0), True, 1), ((1, 1), False, 0), ((2,), False, 0)])
def test_a_share_that_was_cut_off_is_not_saved_by_what_passes_when_it_is_run_again(
    tmp_path: Path, codes: tuple[int, ...], passed: bool, shaky: int
) -> None:
    ground = Scripted(tmp_path / "log", *codes)
    done = Runs([SHARE], again=True, folder=tmp_path / "runs").run(SHARE, ground)
    assert (done.passed, len(done.shaky), len(ground.asked)) == (passed, shaky, len(codes))
    assert all(command[-1] == "tests/contracts/test_x.py::test_it[a b]" for command in ground.asked[1:])
