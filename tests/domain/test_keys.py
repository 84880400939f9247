"""Where records lie, and by what they are found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address
from chalicelib.domain.chores import Chore, ChoreKind
from chalicelib.domain.hierarchy import Source
from chalicelib.domain.keys import Index, Key, index_entries, key_of
from chalicelib.domain.runs import Outcome
from tests.domain.records import ADDRESS, BUILD_ID, DEPLOY_ID, LATER, SERVICE_ID, a_build, a_deploy, a_run, a_service


def test_numbers_sort_as_numbers() -> None:
    assert keys.run("s", 9).sort < keys.run("s", 10).sort < keys.run("s", 1_000_000).sort


def test_what_belongs_to_a_pipeline_is_keyed_by_the_services_id_not_by_its_slug() -> None:
    renamed = replace(a_run(), address=Address("acme", "shop", "production", "other"))
    assert key_of(a_run()) == key_of(renamed) == Key(f"OF#{SERVICE_ID}", "RUN#0000000007")


def test_services_of_one_environment_lie_side_by_side_and_apart_from_others() -> None:
    near, far = keys.service(ADDRESS), keys.service(Address("acme", "shop", "production-2", "api"))
    assert near.sort.startswith("SERVICE#shop/production/")
    assert not far.sort.startswith("SERVICE#shop/production/")


def test_ids_are_found_by_their_first_characters() -> None:
    assert index_entries(a_build()) == {Index.ID: (BUILD_ID[:8], BUILD_ID)}
    assert index_entries(a_deploy()) == {Index.ID: (DEPLOY_ID[:8], DEPLOY_ID)}


def test_a_run_is_found_by_its_deploys_id_and_while_it_is_open_by_the_minute_it_is_due() -> None:
    assert index_entries(a_run()) == {Index.ID: (DEPLOY_ID[:8], DEPLOY_ID), Index.DUE: ("open", "2025-06-01T12:05")}
    assert Index.DUE not in index_entries(a_run(outcome=Outcome.FAILED))


def test_an_index_entry_does_not_change_with_every_second() -> None:
    run = a_run()
    assert index_entries(run) == index_entries(replace(run, look_at=LATER + timedelta(seconds=59)))


def test_a_chore_is_due_for_as_long_as_it_is_there() -> None:
    chore = Chore(service_id=SERVICE_ID, kind=ChoreKind.TIDY, number=1, turn=1, look_at=LATER)
    assert index_entries(chore) == {Index.DUE: ("open", "2025-06-01T12:05")}


@pytest.mark.parametrize("location", ["https://github.com/Acme/Shop.git", "git@github.com:acme/shop.git", "ssh://git@github.com/acme/shop"])
def test_a_service_is_found_by_its_repository_however_that_is_written(location: str) -> None:
    service = a_service(source=Source(location=location))
    assert index_entries(service)[Index.SOURCE] == ("github.com/acme/shop", str(ADDRESS))


def test_a_service_without_a_repository_is_found_by_its_id_alone() -> None:
    assert set(index_entries(a_service())) == {Index.ID}


def test_records_of_one_service_with_one_number_never_meet() -> None:
    made: list[Key[Any]] = [
        keys.lane("s"),
        keys.run("s", 1),
        keys.build("s", 1),
        keys.deploy("s", 1),
        keys.audit_entry("s", 1),
        *(keys.chore("s", kind, 1) for kind in ChoreKind),
    ]
    assert len(set(made)) == len(made)
    assert {key.partition for key in made} == {"OF#s"}
