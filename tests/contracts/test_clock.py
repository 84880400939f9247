"""The clock port, as the machine's own clock keeps it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chalicelib.adapters.clock import SystemClock
from chalicelib.domain.addresses import is_uuid


def test_the_time_is_now_and_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)


def test_ids_and_random_bytes_differ_and_have_their_form() -> None:
    clock = SystemClock()
    ids = {clock.new_id() for _ in range(100)}
    assert len(ids) == 100 and all(is_uuid(text) for text in ids)
    assert len(clock.random_bytes(32)) == 32
    assert clock.random_bytes(32) != clock.random_bytes(32)
