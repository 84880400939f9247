"""Finds open runs and chores that nobody looked at in time, and has them looked at. Costs in proportion to what is open.

Receipts of idempotent requests that have expired are removed by the same schedule."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain import keys
from chalicelib.domain.chores import Chore
from chalicelib.domain.keys import Index
from chalicelib.domain.receipts import Answered
from chalicelib.domain.runs import Run
from chalicelib.pipeline.backoff import backoff
from chalicelib.pipeline.looks import look_at_chore, look_at_run, send
from chalicelib.ports import Ports
from chalicelib.ports.store import Delete, Put, StoreConflict

PAGE = 100
FIRST_DELAY = 15.0


def sweep(ports: Ports, *, ahead: float = 0) -> int:
    """Sends a look for each record that is overdue, or will be in `ahead` seconds, and returns how many there were. Each is first moved
    to a new version with a later `look_at`: looks that were sent before are void, so sweeps cannot multiply them."""
    now = ports.clock.now()
    due = now + timedelta(seconds=ahead)
    count = 0
    after: str | None = None
    while True:
        page = ports.store.find(Index.DUE, keys.OPEN, up_to=keys.minute(due), limit=PAGE, after=after)
        for record in ports.store.get(page.items) if page.items else []:
            if isinstance(record, Run | Chore) and _is_due(record, due):
                count += _looked_after(ports, record, now)
        if page.next is None:
            return count
        after = page.next


def forget_receipts(ports: Ports) -> int:
    """Removes receipts that have expired, a page of them at the most, and returns how many: there is a next sweep."""
    now = ports.clock.now()
    found = ports.store.find(Index.DUE, keys.RECEIPT, up_to=keys.minute(now), limit=PAGE).items
    expired = [record for record in ports.store.get(found) if isinstance(record, Answered) and record.expires <= now] if found else []
    return sum(_removed(ports, receipt) for receipt in expired)


def _removed(ports: Ports, receipt: Answered) -> bool:
    try:
        ports.store.commit([Delete(receipt)])
    except StoreConflict:
        return False  # the key is in use again
    return True


def _is_due(record: Run | Chore, due: datetime) -> bool:
    return record.look_at <= due and not (isinstance(record, Run) and record.finished)


def _looked_after(ports: Ports, record: Run | Chore, now: datetime) -> bool:
    attempts = record.attempts + 1
    later = replace(record, attempts=attempts, look_at=now + timedelta(seconds=backoff(FIRST_DELAY, attempts)))
    try:
        ports.store.commit([Put(later)])
    except StoreConflict:
        return False  # somebody is at it
    send(ports.queue, look_at_run(later, ahead=1) if isinstance(later, Run) else look_at_chore(later, ahead=1))
    return True
