"""A server in which strange things happen: `local.py` as it is, with the product's own ports, seen through those of `strange_ports.py`.

python -m tests.journeys.strange_server      what is to happen is said in $STRANGE, as JSON (see `strange_things.py`). Only for a process of
its own: who imports `app.py` has its logging too
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from chalice.app import Chalice, CloudWatchEvent, ScheduledEventConfig, SQSEvent, SQSEventConfig

import local
from app import app as declared
from chalicelib.api.http import register
from chalicelib.api.surface import ROUTES
from chalicelib.api.triggers import TIME, sweep_now, work_on
from chalicelib.domain.runs import Run
from chalicelib.pipeline.looks import run_key
from chalicelib.ports import Ports
from chalicelib.ports.queue import Work
from chalicelib.ports.store import get_one
from tests.journeys.strange_ports import Bedroom, Hold, working
from tests.journeys.strange_things import VARIABLE, Strange

SWEEP_EVERY = (0.2, 1.5)
"""Seconds, from and to."""


def main() -> int:
    said = json.loads(os.environ[VARIABLE])
    strange = Strange(**{**said, "holds": tuple(Hold(**hold) for hold in said["holds"])})

    @cache
    def ports() -> Ports:
        made = strange.ports()
        if strange.twice:
            threading.Thread(target=_sweep_all_along, args=(made,), daemon=True).start()
        return made

    return local.main(app_over(ports, strange), ports)


def app_over(ports: Callable[[], Ports], strange: Strange) -> Chalice:
    """An app with the routes, queues and schedules that `app.py` declares, over other ports. Its workers say what they work on."""
    made = Chalice(app_name="strange")
    register(made, ROUTES, ports)
    bedroom = strange.bedroom()
    for source in declared.event_sources:
        if isinstance(source, SQSEventConfig) and source.queue:
            work = Work(source.queue.removeprefix(local.QUEUE_PREFIX))
            concurrency = (source.maximum_concurrency or 0) + len(strange.holds)  # those that sleep keep no others out
            put = made.on_sqs_message(queue=source.queue, name=source.name, batch_size=source.batch_size, maximum_concurrency=concurrency)
            put(_worker(ports, work, bedroom))
        elif isinstance(source, ScheduledEventConfig) and source.name == "sweep":
            made.schedule(source.schedule_expression, name=source.name)(_sweeper(ports))
        else:
            raise AssertionError(f"what {source.name!r} does is not known here")
    return made


def _worker(ports: Callable[[], Ports], work: Work, bedroom: Bedroom) -> Callable[[SQSEvent], None]:
    def worker(event: SQSEvent) -> None:
        [record] = event
        working.set(_worked_on(ports(), json.loads(record.body)))
        bedroom.worked(lambda: work_on(ports(), work, event))

    return worker


def _worked_on(ports: Ports, body: Mapping[str, Any]) -> tuple[str, int] | None:
    """The service's slug and the number of the run that the message, or the chore in it, is about."""
    if "run" in body:
        ref = str(body["run"])
    else:
        service_id, _, number = str(body["chore"]).split("/")
        ref = f"{service_id}/{number}"
    run: Run | None = get_one(ports.store, run_key(ref))
    return (run.address.service, run.number) if run is not None and run.address.service else None


def _sweeper(ports: Callable[[], Ports]) -> Callable[[CloudWatchEvent], None]:
    def sweeper(event: CloudWatchEvent) -> None:
        sweep_now(ports())

    return sweeper


def _sweep_all_along(ports: Ports) -> None:
    chance = random.Random(1)
    while True:
        time.sleep(chance.uniform(*SWEEP_EVERY))
        for _ in range(2):
            sweep_now(ports, ahead=TIME)


if __name__ == "__main__":
    sys.exit(main())
