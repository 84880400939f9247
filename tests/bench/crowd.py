"""Many services deployed at the same time, two requests in a row for each: all become active, the newest request's deploy at that."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.bench.baseline import commit_server
from tests.bench.figures import Figure
from tests.journeys.harness import Ancla
from tests.journeys.repository import Repository

SENDERS = 8
ENDED_WITHIN = 90.0


@dataclass(frozen=True, slots=True)
class Member:
    """One service of the crowd: its path, and the two commits that are asked for."""

    path: str
    older: str
    newer: str


def prepare_crowd(ancla: Ancla, folder: Path, count: int) -> list[Member]:
    """Makes `count` services, each with a repository of its own."""
    members = []
    for number in range(count):
        repository = Repository(folder / f"crowd-{number}")
        older, newer = (commit_server(repository, f"{number}-{which}") for which in ("older", "newer"))
        members.append(Member(ancla.make_service(f"bench/crowd/production/member-{number}", repository), older, newer))
    return members


def measure_crowd(ancla: Ancla, members: list[Member]) -> list[Figure]:
    """Sends all requests at once and waits until all runs have ended."""
    began = time.monotonic()
    with ThreadPoolExecutor(SENDERS) as pool:
        newest = list(pool.map(lambda member: _ask_twice(ancla, member), members))
    for member, number in zip(members, newest, strict=True):
        ancla.ended(member.path, number, seconds=ENDED_WITHIN)
    took = time.monotonic() - began
    active = [_active_run(ancla, member) for member in members]
    kept = sum(running == number for running, number in zip(active, newest, strict=True))
    return [
        Figure(name=f"{len(members)} services at once: all active", measured=took, unit="s"),
        Figure(
            name=f"{len(members)} services at once: not active, or not the newest request", measured=len(members) - kept, unit="", goal=0
        ),
    ]


def _ask_twice(ancla: Ancla, member: Member) -> int:
    ancla.deploy(member.path, {"ref": member.older})
    return ancla.deploy(member.path, {"ref": member.newer})


def _active_run(ancla: Ancla, member: Member) -> int:
    """The number of the run whose deploy is the active one, if it is the newer commit that it brought; else 0."""
    active = [deploy for deploy in ancla.api("GET", f"{member.path}/deploys")["items"] if deploy["active"]]
    return int(active[0]["run"]) if active and active[0]["commit"] == member.newer else 0
