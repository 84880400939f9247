"""The audit trail: a chain that shows where it was touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.audit import AuditEntry, audited, entry_hash, first_break
from chalicelib.domain.lanes import Lane
from tests.domain.records import NOW, SERVICE_ID


def trail(length: int) -> tuple[Lane, list[AuditEntry]]:
    lane = Lane(service_id=SERVICE_ID)
    entries = []
    for number in range(length):
        lane, entry = audited(lane, subject=SERVICE_ID, at=NOW, by="maria", action="deploy", run=str(number))
        entries.append(entry)
    return lane, entries


def test_each_entry_takes_the_next_number_and_names_the_one_before() -> None:
    lane, entries = trail(3)
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert [entry.before for entry in entries] == ["", entries[0].hash, entries[1].hash]
    assert (lane.audit_number, lane.audit_head) == (3, entries[2].hash)


def test_a_whole_trail_holds() -> None:
    assert first_break(trail(3)[1]) == 0
    assert first_break([]) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"by": "somebody else"},
        {"action": "other"},
        {"detail": {"run": "9"}},
        {"at": NOW + timedelta(seconds=1)},
        {"subject": "another"},
    ],
)
def test_an_entry_that_was_changed_breaks_the_trail_there(changed: dict[str, object]) -> None:
    _, entries = trail(3)
    entries[1] = replace(entries[1], **changed)  # type: ignore[arg-type]
    assert first_break(entries) == 2


def test_an_entry_that_was_changed_with_its_hash_breaks_the_trail_behind_it() -> None:
    _, entries = trail(3)
    forged = replace(entries[1], by="somebody else")
    entries[1] = replace(forged, hash=entry_hash(forged))
    assert first_break(entries) == 3


def test_an_entry_that_was_taken_out_breaks_the_trail() -> None:
    _, entries = trail(3)
    assert first_break([entries[0], entries[2]]) == 2
    assert first_break(entries[1:]) == 1


def test_the_order_of_the_details_does_not_matter() -> None:
    first = AuditEntry(subject="s", number=1, at=NOW, by="m", action="a", detail={"x": "1", "y": "2"})
    assert entry_hash(first) == entry_hash(replace(first, detail={"y": "2", "x": "1"}))
