"""The queue port: what every adapter keeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.embedded.queue import MemoryQueue, SqliteQueue
from chalicelib.domain.errors import Invalid
from chalicelib.ports.queue import MAX_DELAY, MAX_RECEIVES, VISIBILITY, Queue, Received, Work
from tests.contracts.conftest import HandClock, QueueBench


@pytest.fixture(params=["memory", "sqlite"])
def live_queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Queue]:
    """A queue of one machine that runs by the real clock."""
    queue = MemoryQueue(SystemClock()) if request.param == "memory" else SqliteQueue(tmp_path / "queue.db", SystemClock())
    yield queue
    queue.close()


def test_a_message_is_received_as_it_was_sent(bench: QueueBench) -> None:
    body = {"run": "s1/7", "version": 3, "note": 'grüße "☂"\n', "nothing": None, "list": [1, {"a": 2}]}
    bench.queue.send(Work.PLAN, body)
    received = receive(bench)
    assert (received.body, received.receive_count) == (body, 1)


def test_an_empty_queue_gives_nothing(bench: QueueBench) -> None:
    assert bench.queue.receive(Work.PLAN) is None


def test_each_kind_of_work_has_its_own_queue(bench: QueueBench) -> None:
    bench.queue.send(Work.BUILD, {"n": 1})
    assert [work for work in Work if bench.queue.receive(work)] == [Work.BUILD]


def test_a_received_message_is_hidden_then_comes_again_counted(bench: QueueBench) -> None:
    bench.queue.send(Work.PLAN, {"n": 1})
    receive(bench)
    bench.pass_time(VISIBILITY - 1)
    assert bench.queue.receive(Work.PLAN) is None
    bench.pass_time(1.5)
    again = receive(bench)
    assert (again.body, again.receive_count) == ({"n": 1}, 2)


def test_an_acknowledged_message_never_comes_again(bench: QueueBench) -> None:
    bench.queue.send(Work.PLAN, {"n": 1})
    bench.queue.acknowledge(Work.PLAN, receive(bench).receipt)
    bench.pass_time(VISIBILITY + 1)
    assert bench.queue.receive(Work.PLAN) is None
    assert bench.queue.dead_letters(Work.PLAN) == 0


def test_a_receipt_that_was_used_or_is_nonsense_is_no_error(bench: QueueBench) -> None:
    bench.queue.send(Work.PLAN, {"n": 1})
    receipt = receive(bench).receipt
    bench.queue.acknowledge(Work.PLAN, receipt)
    bench.queue.acknowledge(Work.PLAN, receipt)
    bench.queue.send(Work.PLAN, {"n": 2})
    bench.queue.acknowledge(Work.PLAN, "nonsense")
    assert receive(bench).body == {"n": 2}


def test_a_delayed_message_waits_for_its_time(bench: QueueBench) -> None:
    bench.queue.send(Work.PLAN, {"n": "later"}, delay=30)
    bench.queue.send(Work.PLAN, {"n": "now"})
    assert receive(bench).body == {"n": "now"}
    bench.pass_time(10)
    assert bench.queue.receive(Work.PLAN) is None
    bench.pass_time(21)
    assert {receive(bench).body["n"] for _ in range(2)} == {"now", "later"}


@pytest.mark.parametrize("delay", [0, 0.5, MAX_DELAY])
def test_every_delay_up_to_the_most_is_taken(bench: QueueBench, delay: float) -> None:
    bench.queue.send(Work.PLAN, {"n": 1}, delay=delay)
    bench.pass_time(delay + 1)
    receive(bench)


@pytest.mark.parametrize("delay", [-1, MAX_DELAY + 1, float("inf"), float("nan")])
def test_a_delay_that_sqs_would_refuse_is_refused(bench: QueueBench, delay: float) -> None:
    with pytest.raises(Invalid) as error:
        bench.queue.send(Work.PLAN, {"n": 1}, delay=delay)
    assert error.value.code == "delay_invalid"
    bench.pass_time(MAX_DELAY)
    assert bench.queue.receive(Work.PLAN) is None


def test_a_message_of_256_kib_is_the_largest(bench: QueueBench) -> None:
    around = len('{"n": ""}')
    bench.queue.send(Work.PLAN, {"n": "x" * (256 * 1024 - around)})
    assert len(receive(bench).body["n"]) == 256 * 1024 - around
    with pytest.raises(Invalid) as error:
        bench.queue.send(Work.PLAN, {"n": "x" * (256 * 1024 - around + 1)})
    assert error.value.code == "message_too_large"


def test_a_message_that_is_never_acknowledged_is_set_aside(bench: QueueBench) -> None:
    bench.queue.send(Work.PLAN, {"n": "poison"})
    bench.queue.send(Work.BUILD, {"n": "good"})
    counts = []
    for _ in range(MAX_RECEIVES):
        counts.append(receive(bench).receive_count)
        bench.pass_time(VISIBILITY + 1)
    assert counts == list(range(1, MAX_RECEIVES + 1))
    assert bench.queue.dead_letters(Work.PLAN) == 0
    assert bench.queue.receive(Work.PLAN) is None
    assert [bench.queue.dead_letters(work) for work in (Work.PLAN, Work.BUILD)] == [1, 0]


def test_all_messages_come_whatever_their_order(bench: QueueBench) -> None:
    for number in range(20):
        bench.queue.send(Work.CHORES, {"n": number})
    assert {receive(bench, Work.CHORES).body["n"] for _ in range(20)} == set(range(20))
    assert bench.queue.receive(Work.CHORES) is None


def test_a_receipt_that_has_run_out_does_not_take_the_next_delivery_away(clock: HandClock) -> None:
    """SQS promises no such thing; on one machine it costs nothing."""
    queue = MemoryQueue(clock)
    queue.send(Work.PLAN, {"n": 1})
    late = queue.receive(Work.PLAN)
    clock.move(VISIBILITY)
    second = queue.receive(Work.PLAN)
    assert late and second
    queue.acknowledge(Work.PLAN, late.receipt)
    clock.move(VISIBILITY)
    third = queue.receive(Work.PLAN)
    assert third and third.receive_count == 3
    queue.close()


def test_released_leases_come_again_at_once_and_delays_stay(tmp_path: Path, clock: HandClock) -> None:
    before = SqliteQueue(tmp_path / "queue.db", clock)
    before.send(Work.PLAN, {"n": "leased"})
    before.send(Work.PLAN, {"n": "delayed"}, delay=5)
    before.send(Work.BUILD, {"n": "waiting"})
    assert before.receive(Work.PLAN)
    before.close()

    after = SqliteQueue(tmp_path / "queue.db", clock)
    assert after.receive(Work.PLAN) is None
    after.release_leases()
    again = after.receive(Work.PLAN)
    assert again and (again.body, again.receive_count) == ({"n": "leased"}, 2)
    assert after.receive(Work.PLAN) is None
    assert after.receive(Work.BUILD)
    clock.move(5)
    assert after.receive(Work.PLAN)
    after.close()


def test_dead_letters_stay_dead_over_a_restart(tmp_path: Path, clock: HandClock) -> None:
    queue = SqliteQueue(tmp_path / "queue.db", clock)
    queue.send(Work.PLAN, {"n": 1})
    while queue.receive(Work.PLAN):
        clock.move(VISIBILITY)
    queue.close()
    queue = SqliteQueue(tmp_path / "queue.db", clock)
    queue.release_leases()
    assert queue.receive(Work.PLAN) is None
    assert queue.dead_letters(Work.PLAN) == 1
    queue.close()


def test_a_waiting_receiver_wakes_as_soon_as_something_is_sent(live_queue: Queue) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(live_queue.receive, Work.PLAN, wait=20)
        time.sleep(0.1)
        sent = time.monotonic()
        live_queue.send(Work.PLAN, {"n": 1})
        received = waiting.result(timeout=20)
    assert received and received.body == {"n": 1}
    assert time.monotonic() - sent < 0.5


def test_a_waiting_receiver_wakes_when_a_delay_is_over(live_queue: Queue) -> None:
    started = time.monotonic()
    live_queue.send(Work.PLAN, {"n": 1}, delay=0.2)
    assert live_queue.receive(Work.PLAN, wait=20)
    assert 0.15 < time.monotonic() - started < 0.9


def test_a_receiver_gives_up_after_its_time(live_queue: Queue) -> None:
    started = time.monotonic()
    assert live_queue.receive(Work.PLAN, wait=0.2) is None
    assert 0.15 < time.monotonic() - started < 5


def test_what_another_process_sends_is_noticed(tmp_path: Path) -> None:
    mine, theirs = SqliteQueue(tmp_path / "queue.db", SystemClock()), SqliteQueue(tmp_path / "queue.db", SystemClock())
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(mine.receive, Work.PLAN, wait=20)
        time.sleep(0.05)
        theirs.send(Work.PLAN, {"n": 1})
        assert waiting.result(timeout=10)
    mine.close()
    theirs.close()


def test_of_many_receivers_each_message_reaches_one(live_queue: Queue) -> None:
    total, seen, lock, all_there = 200, list[Any](), threading.Lock(), threading.Event()

    def consume() -> None:
        while not all_there.is_set():
            received = live_queue.receive(Work.PLAN, wait=0.5)
            if received is None:
                continue
            live_queue.acknowledge(Work.PLAN, received.receipt)
            with lock:
                seen.append(received.body["n"])
                if len(seen) >= total:
                    all_there.set()

    consumers = [threading.Thread(target=consume) for _ in range(16)]
    for consumer in consumers:
        consumer.start()
    for number in range(total):
        live_queue.send(Work.PLAN, {"n": number})
    assert all_there.wait(20)
    for consumer in consumers:
        consumer.join()
    assert sorted(seen) == list(range(total))


def receive(bench: QueueBench, work: Work = Work.PLAN) -> Received:
    received = bench.queue.receive(work)
    assert received is not None
    return received
