"""What a deploy cannot do without, done by hand: clone the commit, start its process, ask until it answers.

Paired with a deploy of the same commit, it is what has to be subtracted to see what Ancla itself adds.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.journeys.repository import Repository
from tests.machine import free_ports

ASK_EVERY = 0.005
ANSWER_WITHIN = 20.0
COMMAND = (os.path.realpath(sys.executable), "server.py")
"""The interpreter itself: what `python` means by way of PATH may be a script that takes longer than all the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """Seconds of one bare deploy."""

    clone: float
    start: float

    @property
    def total(self) -> float:
        return self.clone + self.start


def commit_server(repository: Repository, version: str) -> str:
    """Commits a server that runs by COMMAND; returns the commit."""
    return repository.commit_version(version, web=" ".join(COMMAND))


def bare_deploy(repository: Path, folder: Path) -> Bare:
    """Clones the newest commit into `folder`, starts it, waits for its first good answer, and ends it."""
    began = time.monotonic()
    clone = ["git", "clone", "--quiet", "--depth", "1", f"file://{repository}", str(folder)]
    subprocess.run(clone, check=True, timeout=ANSWER_WITHIN, stdin=subprocess.DEVNULL)
    cloned = time.monotonic() - began
    started = bare_start(folder)
    shutil.rmtree(folder)
    return Bare(clone=cloned, start=started)


def bare_start(folder: Path) -> float:
    """Seconds from the start of the process in `folder` to its first good answer; it is ended afterwards."""
    port = free_ports(1)[0]
    environ = {"PATH": os.environ["PATH"], "PORT": str(port)}
    began = time.monotonic()
    process = subprocess.Popen(COMMAND, cwd=folder, env=environ, stdin=subprocess.DEVNULL)
    try:
        while not _answers(port):
            if process.poll() is not None or time.monotonic() - began > ANSWER_WITHIN:
                raise RuntimeError(f"the process of the baseline in {folder} does not answer: start it by hand to see why")
            time.sleep(ASK_EVERY)
        return time.monotonic() - began
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
