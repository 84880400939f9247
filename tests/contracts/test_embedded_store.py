"""What the tables of one machine promise beyond the port: many threads, restarts, a disk in trouble, an index that lags."""

from __future__ import annotations

import gc
import sqlite3
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.embedded.database import Database, Durability
from chalicelib.adapters.embedded.logs import FileLogs
from chalicelib.adapters.embedded.queue import SqliteQueue
from chalicelib.adapters.embedded.tables import MemoryTable, SqliteTable
from chalicelib.adapters.records import RecordStore
from chalicelib.domain import keys
from chalicelib.domain.errors import AnclaError, Unavailable
from chalicelib.domain.keys import OPEN, Index
from chalicelib.domain.runs import Stage
from chalicelib.ports.store import Put, Store, StoreConflict, all_of, get_one
from tests.contracts.samples import AT, big_scope, lane, run


def test_racing_commits_lose_no_update(shared_store: Store) -> None:
    shared_store.commit([Put(lane())])

    def add(_: int) -> int:
        lost = 0
        while True:
            current = shared_store.get([keys.lane("s1")])[0]
            try:
                shared_store.commit([Put(replace(current, intent=current.intent + 1)), Put(run(current.intent + 1))])
                return lost
            except StoreConflict:
                lost += 1

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(add, range(80)))
    assert shared_store.get([keys.lane("s1")])[0] == lane(intent=80, version=81)
    assert len(all_of(shared_store, "OF#s1", "RUN#")) == 80


def test_of_many_who_commit_at_once_exactly_one_wins(shared_store: Store) -> None:
    start = threading.Barrier(8)

    def take(number: int) -> bool:
        start.wait()
        try:
            shared_store.commit([Put(lane(intent=number)), Put(run(number))])
        except StoreConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(take, range(8)))
    assert won.count(True) == 1
    assert shared_store.get([keys.lane("s1")])[0].intent == won.index(True)
    assert [record.number for record in all_of(shared_store, "OF#s1", "RUN#")] == [won.index(True)]


def test_readers_see_all_of_a_commit_or_nothing(shared_store: Store) -> None:
    shared_store.commit([Put(lane()), Put(lane("s2"))])
    done = threading.Event()

    def write() -> None:
        for number in range(1, 60):
            shared_store.commit([Put(lane(intent=number, version=number)), Put(lane("s2", intent=number, version=number))])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        one, two = shared_store.get([keys.lane("s1"), keys.lane("s2")])
        assert one.intent == two.intent
    writer.join()


def test_a_lagging_index_answers_as_it_was_some_commits_ago() -> None:
    table = MemoryTable(index_lag=1)
    store = RecordStore(table)
    store.commit([Put(run(1))])
    assert store.find(Index.DUE, OPEN).items == ()
    assert store.get([keys.run("s1", 1)])[0] is not None
    store.commit([Put(run(1, stage=Stage.FINISHED, version=1))])
    assert store.find(Index.DUE, OPEN).items == (keys.run("s1", 1),)
    table.index_lag = 0
    assert store.find(Index.DUE, OPEN).items == ()


def test_a_file_keeps_everything_over_a_restart(tmp_path: Path) -> None:
    first = SqliteTable(tmp_path / "store.db")
    RecordStore(first).commit([Put(run(1)), Put(lane())])
    first.close()
    second = SqliteTable(tmp_path / "store.db")
    store = RecordStore(second)
    assert store.query("OF#s1").items == (lane(version=1), run(1, version=1))
    assert store.find(Index.DUE, OPEN).items == (keys.run("s1", 1),)
    second.close()


def test_two_processes_may_share_the_file(tmp_path: Path) -> None:
    one, two = SqliteTable(tmp_path / "store.db"), SqliteTable(tmp_path / "store.db")
    RecordStore(one).commit([Put(lane())])
    RecordStore(two).commit([Put(lane(intent=5, version=1))])
    with pytest.raises(StoreConflict):
        RecordStore(one).commit([Put(lane(version=1))])
    one.close()
    two.close()


def test_racing_processes_lose_no_update(tmp_path: Path) -> None:
    tables = [SqliteTable(tmp_path / "store.db") for _ in range(3)]
    RecordStore(tables[0]).commit([Put(lane())])

    def add(number: int) -> None:
        store = RecordStore(tables[number % len(tables)])
        while True:
            current = store.get([keys.lane("s1")])[0]
            try:
                return store.commit([Put(replace(current, intent=current.intent + 1))])
            except StoreConflict:
                continue

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(60)))
    assert RecordStore(tables[0]).get([keys.lane("s1")])[0].intent == 60
    for table in tables:
        table.close()


@pytest.mark.parametrize("name", ["", "store.db"])
def test_what_fails_inside_a_transaction_takes_it_back(tmp_path: Path, name: str) -> None:
    database = Database(tmp_path / name if name else None, "CREATE TABLE t (n)", Durability.NORMAL)
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute("INSERT INTO t VALUES (?)", (1,))
        connection.execute("INSERT INTO t VALUES (?)", (1 / 0,))
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    database.close()


def test_a_forgotten_database_closes_its_connections_before_python_warns_of_them() -> None:
    boxes: list[object] = [Database(None, "CREATE TABLE t (n)", Durability.NORMAL)]
    database = boxes[0]
    assert isinstance(database, Database)
    with database.read() as connection:
        del database
        gc.collect()  # now the collector knows the connection, which is in use, before its database
    boxes.append(boxes)  # which is forgotten as part of a cycle
    del boxes, connection
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        gc.collect()
    assert told == []


def test_an_accepted_commit_waits_for_the_disk(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "store.db")
    with table._database.read() as connection:
        modes = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    table.close()
    assert modes == ["wal", 2]


def test_a_damaged_file_says_so_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is no database " * 100)
    with pytest.raises(Unavailable) as error:
        SqliteTable(path)
    assert error.value.code == "storage_corrupt"
    assert str(path) in error.value.message and "backup" in error.value.hint


def test_a_full_disk_says_so_and_takes_nothing_of_the_commit(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "store.db")
    store = RecordStore(table)
    with table._database.write() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    with table._database.read() as connection:
        connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(Unavailable) as error:
        store.commit([Put(lane()), Put(big_scope(1, 100_000))])
    assert error.value.code == "storage_full"
    assert str(tmp_path / "store.db") in error.value.message
    assert get_one(store, keys.lane("s1")) is None
    with table._database.read() as connection:
        connection.execute("PRAGMA max_page_count=100000")
    store.commit([Put(lane())])
    table.close()


def test_a_read_only_file_says_so(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "store.db")
    with table._database.read() as connection:
        connection.execute("PRAGMA query_only=1")
    with pytest.raises(Unavailable) as error:
        RecordStore(table).commit([Put(lane())])
    table.close()
    assert error.value.code == "storage_read_only"


def test_a_place_that_is_no_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    with pytest.raises(Unavailable) as error:
        SqliteTable(tmp_path / "store.db")
    assert error.value.code == "storage_unreachable"


def test_a_mistake_in_our_own_sql_is_not_taken_for_the_disk(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "store.db")
    with pytest.raises(sqlite3.OperationalError), table._database.write() as connection:
        connection.execute("SELECT nonsense")
    table.close()


def test_sixty_threads_read_and_write_at_once(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "store.db")
    store = RecordStore(table)

    def work(number: int) -> datetime:
        store.commit([Put(run(number, owner=f"s{number}"))])
        found = store.get([keys.run(f"s{number}", number)])[0]
        assert store.find(Index.DUE, OPEN, limit=1).items
        at: datetime = found.look_at
        return at

    with ThreadPoolExecutor(60) as pool:
        assert list(pool.map(work, range(120))) == [AT] * 120
    table.close()


def test_what_keeps_its_state_on_this_machine_refuses_to_run_on_lambda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "plan")
    for make in (
        lambda: SqliteTable(tmp_path / "store.db"),
        lambda: SqliteQueue(tmp_path / "queue.db", SystemClock()),
        lambda: FileLogs(tmp_path / "logs"),
    ):
        with pytest.raises(AnclaError) as error:
            make()
        assert error.value.code == "embedded_on_lambda"
    assert list(tmp_path.iterdir()) == []


def test_a_database_is_for_its_owners_eyes_whoever_makes_it(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "state.db")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("state.db", "state.db-shm", "state.db-wal"), 0o600)
    table.close()
