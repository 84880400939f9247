"""Runs: trips through the pipeline, to look at and to follow."""

from __future__ import annotations

from collections.abc import Iterator

from ancla_sdk.addresses import in_project, path_of
from ancla_sdk.decoding import decode, decode_list
from ancla_sdk.models import Run
from ancla_sdk.transport import Transport

FIRST_INTERVAL = 0.25
LONGEST_INTERVAL = 2.0
GROWTH = 1.2


class Runs:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, service: str, run: int) -> Run:
        return decode(Run, self._transport.get(f"{path_of(service, 'service')}/runs/{run}"))

    def list(self, service: str, *, limit: int = 10) -> list[Run]:
        """The newest runs, newest first."""
        project, query = in_project(service)
        return decode_list(Run, self._transport.get(f"{project}/pipeline/history", **query, limit=limit))

    def watch(self, service: str, run: int) -> Iterator[Run]:
        """Looks at the run again and again and yields what it sees, until it has ended: often at first and after each change of
        stage, then ever less, at least every two seconds."""
        stage, interval = "", FIRST_INTERVAL
        while True:
            seen = self.get(service, run)
            yield seen
            if not seen.open:
                return
            interval = FIRST_INTERVAL if seen.stage != stage else min(interval * GROWTH, LONGEST_INTERVAL)
            stage = seen.stage
            self._transport.sleep(interval)
