"""The command as a process of its own: what cannot be seen from within."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "ancla_cli"]
ENVIRON = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}/cli:{ROOT}/sdks/python"}


def test_a_reader_that_goes_away_is_no_reason_to_complain() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*COMMAND, "--help"], env=ENVIRON, stdout=writing, stderr=subprocess.PIPE, timeout=30, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_the_exit_code_and_both_streams_are_those_of_the_command(tmp_path: Path) -> None:
    environ = {**ENVIRON, "HOME": str(tmp_path)}
    done = subprocess.run([*COMMAND, "whoami"], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: there is no API key for http://127.0.0.1:8700 (not_logged_in)\n")
