"""What a run tells its follower: lines in its log, the same bytes however often a step is done again."""

from __future__ import annotations

from chalicelib.domain.deploys import deploy_log
from chalicelib.domain.runs import Run
from chalicelib.ports import Ports


def narrate(ports: Ports, run: Run, *lines: str) -> Run:
    """Adds `lines` to the run's log, and returns the run that knows how long it is now."""
    return append(ports, run, "".join(f"{line}\n" for line in lines).encode())


def append(ports: Ports, run: Run, data: bytes) -> Run:
    """Adds output of a process to the run's log as it is."""
    if not data:
        return run
    end = ports.logs.write(deploy_log(run.owner, run.number), int(run.facts.get("log", "0")), data)
    return run.noting(log=end)


def unrecorded(ports: Ports, run: Run) -> int:
    """Bytes in the run's log beyond what it knows of: a look wrote them and died before its commit. What a process said cannot always
    be read again in the same way, so they count as they are."""
    return len(ports.logs.read(deploy_log(run.owner, run.number), start=int(run.facts.get("log", "0"))))


def within(output: bytes, seen: int, most: int, note: bytes) -> bytes:
    """What of the next output is kept, `seen` bytes having come before: what never stops writing must not fill the disk. `note` says
    at the end that there was more than `most` bytes."""
    room = most - seen
    if room <= 0:
        return b""
    return output if len(output) <= room else output[:room] + note
