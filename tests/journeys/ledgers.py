"""How often release commands really ran: each leaves a line, and nothing but running it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.kinds import collection
from chalicelib.adapters.kubernetes.pods import CONTAINER
from chalicelib.manifests.names import namespace_of
from tests.journeys.ground import GROUND
from tests.journeys.harness import WORKSPACES, Ancla

_MARK = "ledger: "
_STARTED = f"spec.containers{{{CONTAINER}}}"


class Ledger(Protocol):
    def entry(self, words: str) -> str:
        """The shell command that leaves a line with these words."""

    def lines(self) -> list[str]:
        """The words of all lines; those of one service in the order in which they were left."""

    def begun(self) -> int:
        """How many release commands began, whether or not anybody heard of them."""


class FileLedger:
    """A file that the processes on this machine write to."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.touch()

    def entry(self, words: str) -> str:
        return f"echo {words} >> {self._file}"

    def lines(self) -> list[str]:
        return self._file.read_text().splitlines()

    def begun(self) -> int:
        return len(self.lines())


class LogLedger:
    """No pod reaches this machine: what they wrote is in the logs of the deploys, and that they began the kubelet says."""

    def __init__(self, ancla: Ancla, admin: Path, services: Callable[[], Sequence[str]]) -> None:
        self._ancla = ancla
        self._api = Api(admin)
        self._services = services

    def entry(self, words: str) -> str:
        return f"echo {_MARK}{words}"

    def lines(self) -> list[str]:
        return [line for path in self._services() for line in self._lines_of(path)]

    def begun(self) -> int:
        events = [
            event
            for workspace in WORKSPACES
            for event in self._api.get(collection("Event", namespace_of(workspace)), fieldSelector="reason=Started")["items"]
        ]
        of_releases = [event for event in events if re.search(r"release\d+x", event["involvedObject"]["name"])]
        return sum(event.get("count") or 1 for event in of_releases if event["involvedObject"].get("fieldPath") == _STARTED)

    def _lines_of(self, path: str) -> list[str]:
        deploys = sorted(self._ancla.api("GET", f"{path}/deploys")["items"], key=lambda deploy: int(deploy["version"]))
        logs = [str(self._ancla.api("GET", f"{path}/deploys/{deploy['id']}/log")["log_text"]) for deploy in deploys]
        return [line for log in logs for line in re.findall(f"^{_MARK}(.*)$", log, re.MULTILINE)]


def make_ledger(ancla: Ancla, folder: Path, services: Callable[[], Sequence[str]]) -> Ledger:
    """The ledger of this ground. `services` says whose release commands write into it."""
    return LogLedger(ancla, GROUND.admin, services) if GROUND.admin else FileLedger(folder / "ledger")
