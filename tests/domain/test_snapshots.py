"""Snapshots are named by their content, and read back as they were."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from chalicelib.domain.addresses import Level
from chalicelib.domain.config import Resolved
from chalicelib.domain.snapshots import FrozenVariable, Snapshot, frozen, parse_document
from tests.domain.records import a_snapshot, a_variable, plain, secret


def test_a_document_reads_back_as_the_same_snapshot() -> None:
    snapshot = a_snapshot(MODE=plain("größer\n'\""), TOKEN=secret(2, Level.SERVICE))
    assert parse_document(snapshot.document()) == snapshot
    assert parse_document(snapshot.document()).hash == snapshot.hash


def test_equal_snapshots_have_equal_bytes_whatever_the_order_they_were_made_in() -> None:
    assert a_snapshot(A=plain("1"), B=plain("2")).document() == a_snapshot(B=plain("2"), A=plain("1")).document()


@pytest.mark.parametrize(
    "other",
    [
        a_snapshot(A=plain("2")),
        a_snapshot(A=secret(1)),
        a_snapshot(A=plain("1"), B=plain("1")),
        a_snapshot(A=plain("1", Level.SERVICE)),
        replace(a_snapshot(A=plain("1")), commit="d0" * 20),
        replace(a_snapshot(A=plain("1")), health_check_path="/"),
        replace(a_snapshot(A=plain("1")), deployment_timeout=181),
        replace(a_snapshot(A=plain("1")), build=4),
    ],
)
def test_whatever_differs_makes_another_hash(other: Snapshot) -> None:
    assert other.hash != a_snapshot(A=plain("1")).hash


def test_the_hash_can_be_part_of_a_path() -> None:
    assert len(a_snapshot().hash) == 64
    assert set(a_snapshot().hash) <= set("0123456789abcdef")


def test_the_release_command_is_no_process_that_keeps_running() -> None:
    assert a_snapshot().processes == {"web": "serve"}
    assert a_snapshot().release_command == "migrate"


def test_plain_and_secret_variables_come_apart() -> None:
    snapshot = a_snapshot(MODE=plain("a"), TOKEN=secret(1))
    assert snapshot.plain == {"MODE": "a"}
    assert snapshot.secret_names == ("TOKEN",)


def test_a_plain_variable_is_frozen_with_its_value_and_origin() -> None:
    entry = Resolved(variable=a_variable("MODE", "a"), scope_id="scope-1", owner="acme/shop", level=Level.PROJECT)
    assert frozen(entry, "a") == FrozenVariable(value="a", owner="acme/shop", level=Level.PROJECT)


def test_a_secret_is_frozen_as_which_entry_it_is_never_as_a_value() -> None:
    entry = Resolved(variable=a_variable("TOKEN", vault_version=4), scope_id="scope-1", owner="acme", level=Level.WORKSPACE)
    kept = frozen(entry, "must not be kept")
    assert kept == FrozenVariable(secret=True, scope_id="scope-1", vault_version=4, owner="acme", level=Level.WORKSPACE)
    assert "must not be kept" not in json.dumps(a_snapshot(TOKEN=kept).document().decode())
