"""What queues and schedules start: an event of theirs becomes looks of the pipeline."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from chalice.app import SQSEvent

from chalicelib.pipeline import chores, machine
from chalicelib.pipeline.sweep import forget_receipts, sweep
from chalicelib.ports import Ports
from chalicelib.ports.queue import Work

TIME = 12.0
"""Seconds that a function may take; `.chalice/config.json` says the same."""


def work_on(ports: Ports, work: Work, event: SQSEvent) -> None:
    """Has each record of a queue's event looked at, within the time that the invocation has left."""
    context: Any = event.context
    until = ports.clock.now() + timedelta(seconds=min(TIME, context.get_remaining_time_in_millis() / 1000))
    for record in event:
        body: dict[str, Any] = json.loads(record.body)
        receive_count = int(record.to_dict()["attributes"]["ApproximateReceiveCount"])
        if "chore" in body:
            chores.look(ports, body)
        else:
            machine.look(ports, work, body, receive_count=receive_count, until=until)


def sweep_now(ports: Ports, *, ahead: float = 0) -> None:
    sweep(ports, ahead=ahead)
    forget_receipts(ports)
