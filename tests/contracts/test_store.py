"""The store port: what every table keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain import keys
from chalicelib.domain.errors import Invalid
from chalicelib.domain.keys import OPEN, Index, Key, key_of
from chalicelib.domain.people import User
from chalicelib.domain.runs import Stage
from chalicelib.domain.secrets import Secret
from chalicelib.ports.store import Change, Check, Delete, Put, Store, StoreConflict, all_of, get_one
from tests.contracts.samples import AT, SAMPLES, big_scope, lane, run, scope, service, variable


@pytest.mark.parametrize("record", SAMPLES, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was_one_version_on(store: Store, record: Any) -> None:
    store.commit([Put(record)])
    assert get_one(store, key_of(record)) == replace(record, version=1)


def test_records_come_in_the_order_of_their_keys_and_none_for_what_is_not_there(store: Store) -> None:
    store.commit([Put(run(1)), Put(run(2))])
    found = store.get([keys.run("s1", 2), keys.run("s1", 9), keys.run("s1", 1), keys.run("s1", 2)])
    assert [record and record.number for record in found] == [2, None, 1, 2]
    assert store.get([]) == []


def test_a_new_record_does_not_replace_one_that_is_there(store: Store) -> None:
    store.commit([Put(lane(intent=1))])
    with pytest.raises(StoreConflict) as error:
        store.commit([Put(lane(intent=2))])
    assert error.value.keys == (keys.lane("s1"),)
    assert store.get([keys.lane("s1")])[0].intent == 1


def test_of_two_who_read_the_same_version_one_writes(store: Store) -> None:
    store.commit([Put(lane())])
    mine = theirs = store.get([keys.lane("s1")])[0]
    store.commit([Put(replace(theirs, intent=7))])
    with pytest.raises(StoreConflict):
        store.commit([Put(replace(mine, intent=8))])
    assert store.get([keys.lane("s1")])[0] == lane(intent=7, version=2)


def test_a_version_from_the_future_is_a_conflict(store: Store) -> None:
    with pytest.raises(StoreConflict):
        store.commit([Put(lane(version=3))])
    with pytest.raises(StoreConflict):
        store.commit([Delete(lane(version=3))])
    assert get_one(store, keys.lane("s1")) is None


def test_one_conflict_takes_back_the_whole_commit(store: Store) -> None:
    store.commit([Put(run(1)), Put(run(2))])
    with pytest.raises(StoreConflict) as error:
        store.commit([Put(lane()), Delete(run(1, version=1)), Put(run(2, version=5)), Put(run(3))])
    assert error.value.keys == (keys.run("s1", 2),)
    assert get_one(store, keys.lane("s1")) is None
    assert [record.version for record in all_of(store, "OF#s1", "RUN#")] == [1, 1]
    assert len(store.find(Index.DUE, OPEN).items) == 2


def test_every_record_that_conflicts_is_named(store: Store) -> None:
    store.commit([Put(run(1)), Put(run(2)), Put(lane())])
    with pytest.raises(StoreConflict) as error:
        store.commit([Put(run(1)), Check(keys.lane("s1"), 4), Delete(run(2, version=2)), Put(run(3))])
    assert set(error.value.keys) == {keys.run("s1", 1), keys.run("s1", 2), keys.lane("s1")}


def test_a_deleted_record_is_gone_from_everywhere_and_can_be_made_anew(store: Store) -> None:
    store.commit([Put(run(1, deploy_id="aaaaaaaa-1"))])
    store.commit([Delete(run(1, version=1))])
    assert get_one(store, keys.run("s1", 1)) is None
    assert store.query("OF#s1").items == store.find(Index.DUE, OPEN).items == store.find(Index.ID, "aaaaaaaa").items == ()
    store.commit([Put(run(1))])
    assert store.get([keys.run("s1", 1)])[0].version == 1


@pytest.mark.parametrize("version", [0, 2])
def test_a_check_guards_what_was_only_read(store: Store, version: int) -> None:
    store.commit([Put(lane())])
    with pytest.raises(StoreConflict) as error:
        store.commit([Put(run(1)), Check(keys.lane("s1"), version)])
    assert error.value.keys == (keys.lane("s1"),)
    assert get_one(store, keys.run("s1", 1)) is None


def test_a_check_that_holds_changes_nothing(store: Store) -> None:
    store.commit([Put(lane())])
    store.commit([Put(run(1)), Check(keys.lane("s1"), 1), Check(keys.lane("s2"), 0)])
    assert store.get([keys.lane("s1")])[0].version == 1
    with pytest.raises(StoreConflict):
        store.commit([Check(keys.lane("s2"), 1)])
    store.commit([Check(keys.lane("s1"), 1)])
    store.commit([])


@pytest.mark.parametrize(("newest_first", "order"), [(False, [1, 2, 3, 10, 11]), (True, [11, 10, 3, 2, 1])])
def test_a_query_pages_through_one_prefix_in_order(store: Store, newest_first: bool, order: list[int]) -> None:
    numbers = [3, 11, 1, 10, 2]
    store.commit([*(Put(run(number)) for number in numbers), Put(lane()), Put(run(4, owner="s2"))])
    seen, sizes, after = [], [], None
    while True:
        page = store.query("OF#s1", "RUN#", newest_first=newest_first, limit=2, after=after)
        seen += [record.number for record in page.items]
        sizes.append(len(page.items))
        after = page.next
        if after is None:
            break
    assert (seen, sizes) == (order, [2, 2, 1])


def test_a_full_last_page_is_the_last(store: Store) -> None:
    store.commit([Put(run(1)), Put(run(2))])
    assert store.query("OF#s1", "RUN#", limit=2).next is None
    assert store.find(Index.DUE, OPEN, limit=2).next is None


def test_a_query_without_a_prefix_gives_the_whole_partition(store: Store) -> None:
    store.commit([Put(run(1)), Put(lane()), Put(lane("s2"))])
    assert store.query("OF#s1").items == (lane(version=1), run(1, version=1))
    assert store.query("OF#nobody").items == ()


def test_a_page_goes_on_where_it_ended_whatever_was_deleted_and_added_meanwhile(store: Store) -> None:
    store.commit([Put(run(number)) for number in (1, 3, 5)])
    page = store.query("OF#s1", "RUN#", limit=2)
    store.commit([Delete(run(3, version=1)), Put(run(2)), Put(run(4))])
    assert [record.number for record in store.query("OF#s1", "RUN#", after=page.next).items] == [4, 5]


def test_all_of_reads_over_many_pages(store: Store) -> None:
    for first in (1, 101):
        store.commit([Put(run(number)) for number in range(first, first + 100)])
    assert [record.number for record in all_of(store, "OF#s1", "RUN#")] == list(range(1, 201))


def test_found_keys_come_by_the_entrys_sort_up_to_a_limit(store: Store) -> None:
    for number, minutes in ((1, 3), (2, 0), (3, 2), (4, 1)):
        store.commit([Put(run(number, look_at=AT + timedelta(minutes=minutes)))])
    minute = keys.minute(AT + timedelta(minutes=2))
    first = store.find(Index.DUE, OPEN, up_to=minute, limit=2)
    assert first.items == (keys.run("s1", 2), keys.run("s1", 4))
    second = store.find(Index.DUE, OPEN, up_to=minute, limit=2, after=first.next)
    assert (second.items, second.next) == ((keys.run("s1", 3),), None)
    assert len(store.find(Index.DUE, OPEN).items) == 4
    assert store.find(Index.DUE, "other").items == ()


def test_entries_of_one_sort_are_paged_without_loss(store: Store) -> None:
    store.commit([Put(run(number)) for number in range(9)])
    seen: list[Key[Any]] = []
    after = None
    while True:
        page = store.find(Index.DUE, OPEN, limit=2, after=after)
        seen += page.items
        after = page.next
        if after is None:
            break
    assert sorted(key.sort for key in seen) == [keys.run("s1", number).sort for number in range(9)]


def test_an_entry_follows_its_record(store: Store) -> None:
    store.commit([Put(run(1))])
    later = AT + timedelta(minutes=5)
    store.commit([Put(run(1, look_at=later, version=1))])
    assert store.find(Index.DUE, OPEN, up_to=keys.minute(AT)).items == ()
    assert store.find(Index.DUE, OPEN).items == (keys.run("s1", 1),)
    store.commit([Put(run(1, stage=Stage.FINISHED, version=2))])
    assert store.find(Index.DUE, OPEN).items == ()


def test_a_record_is_found_by_the_beginning_of_its_id_and_by_its_source(store: Store) -> None:
    web = service("web", service_id="aaaaaaaa-1", location="https://github.com/acme/site.git")
    api = service("api", service_id="aaaaaaaa-2", location="git@github.com:acme/site")
    store.commit([Put(web), Put(api)])
    assert store.find(Index.ID, "aaaaaaaa").items == (key_of(web), key_of(api))
    assert store.find(Index.SOURCE, "github.com/acme/site").items == (key_of(api), key_of(web))


@pytest.mark.parametrize("cursor", ["", "x", "ä", "bm8", "WyJhIiwiYiJd", "WzFd", "WyJPVEhFUiMiXQ"])
def test_a_cursor_of_somewhere_else_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(Invalid) as error:
        store.query("OF#s1", "RUN#", after=cursor)
    assert error.value.code == "cursor_invalid"
    with pytest.raises(Invalid):
        store.find(Index.DUE, OPEN, up_to="2026", after=cursor)


def test_a_cursor_behind_the_limit_is_refused(store: Store) -> None:
    store.commit([Put(run(number)) for number in range(3)])
    cursor = store.find(Index.DUE, OPEN, limit=1).next
    assert cursor
    with pytest.raises(Invalid) as error:
        store.find(Index.DUE, OPEN, up_to="2025", after=cursor)
    assert error.value.code == "cursor_invalid"


def test_values_of_64_kib_are_kept(store: Store) -> None:
    big = scope(*(variable(f"BIG_{number}", "☂" * 21_845) for number in range(3)))
    store.commit([Put(big)])
    assert store.get([key_of(big)]) == [replace(big, version=1)]


def test_what_aws_would_refuse_is_refused_everywhere(store: Store) -> None:
    store.commit([Put(run(number)) for number in range(100)])
    refused: list[tuple[list[Change], str]] = [
        ([Put(run(number, owner="s2")) for number in range(101)], "commit_too_large"),
        ([Put(lane()), Check(keys.lane("s1"), 0)], "commit_twice"),
        ([Put(scope(variable("BIG", "x" * 410_000)))], "record_too_large"),
        ([Put(big_scope(number, 390_000)) for number in range(11)], "commit_too_large"),
        ([Put(User(id="x" * 2048, username="x", created=AT))], "key_invalid"),
    ]
    for changes, code in refused:
        with pytest.raises(Invalid) as error:
            store.commit(changes)
        assert error.value.code == code
    assert len(store.get([keys.run("s1", number) for number in range(100)])) == 100
    with pytest.raises(Invalid):
        store.get([keys.run("s1", number) for number in range(101)])
    with pytest.raises(Invalid):
        store.query("OF#s1", limit=0)
    with pytest.raises(Invalid):
        store.get([keys.user("x" * 2048)])
    assert store.find(Index.ID, "").items == store.find(Index.ID, "x" * 2049).items == ()


def test_a_read_of_more_than_one_reply_holds_is_whole(store: Store) -> None:
    """DynamoDB answers at most 16 MB at once, and leaves the rest to another call."""
    big = [big_scope(number, 390_000) for number in range(45)]
    for first in range(0, 45, 9):
        store.commit([Put(record) for record in big[first : first + 9]])
    found = store.get([key_of(record) for record in big])
    assert [record.owner for record in found] == [record.owner for record in big]
    assert len(all_of(store, "WS#acme", "CONFIG#")) == 45


def test_a_secret_that_slipped_into_a_record_stops_the_commit(store: Store) -> None:
    leaking: Any = {"note": Secret("hunter2")}
    with pytest.raises(TypeError):
        store.commit([Put(lane()), Put(run(1, facts=leaking))])
    assert get_one(store, keys.lane("s1")) is None
