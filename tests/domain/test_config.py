"""Variables: which scope wins, which names and sizes are taken."""

from __future__ import annotations

import pytest

from chalicelib.domain.addresses import Address, Level
from chalicelib.domain.config import (
    MAX_RESOLVED_BYTES,
    MAX_SCOPE_BYTES,
    MAX_VALUE_BYTES,
    chain,
    check_sizes,
    check_variable,
    resolve,
    resolved_size,
    scope_owner,
    team_owner,
)
from chalicelib.domain.errors import Invalid
from tests.domain.records import ADDRESS, a_scope, a_variable

LEVELS = [Level.WORKSPACE, Level.TEAM, Level.PROJECT, Level.ENVIRONMENT, Level.SERVICE]


def test_the_scopes_that_reach_a_service_come_weakest_first() -> None:
    assert chain(ADDRESS, "backend") == (
        "acme",
        "acme/~backend",
        "acme/shop",
        "acme/shop/production",
        "acme/shop/production/api",
    )


def test_without_a_team_there_are_four_scopes_and_less_above() -> None:
    assert chain(ADDRESS) == ("acme", "acme/shop", "acme/shop/production", "acme/shop/production/api")
    assert chain(Address("acme")) == ("acme",)


def test_a_teams_scope_is_never_that_of_a_project() -> None:
    assert team_owner("acme", "shop") != scope_owner(Address("acme", "shop"))


@pytest.mark.parametrize("weaker", range(len(LEVELS) - 1))
def test_each_scope_beats_the_one_before_it(weaker: int) -> None:
    scopes = [a_scope(level.value, level, a_variable("MODE", level.value)) for level in LEVELS]
    resolved = resolve(scopes[: weaker + 2])
    winner = LEVELS[weaker + 1]
    assert (resolved["MODE"].variable.value, resolved["MODE"].level, resolved["MODE"].owner) == (winner.value, winner, winner.value)


def test_what_only_a_weak_scope_sets_is_kept_with_its_origin() -> None:
    resolved = resolve(
        [a_scope("acme", Level.WORKSPACE, a_variable("A", "1")), None, a_scope("acme/shop", Level.PROJECT, a_variable("B", "2"))]
    )
    assert {name: (entry.owner, entry.scope_id) for name, entry in resolved.items()} == {
        "A": ("acme", "scope-of-acme"),
        "B": ("acme/shop", "scope-of-acme/shop"),
    }


def test_a_plain_value_above_a_secret_replaces_it_whole() -> None:
    resolved = resolve([a_scope("w", Level.WORKSPACE, a_variable("T", vault_version=3)), a_scope("s", Level.SERVICE, a_variable("T", "x"))])
    assert not resolved["T"].variable.secret
    assert resolved["T"].variable.vault_version == 0


def test_names_come_sorted_whatever_the_scopes_order() -> None:
    scope = a_scope("w", Level.WORKSPACE, a_variable("Z"), a_variable("A"), a_variable("M"))
    assert list(resolve([scope])) == ["A", "M", "Z"]


def test_nothing_set_resolves_to_nothing() -> None:
    assert resolve([None, None]) == {}


@pytest.mark.parametrize("name", ["A", "_", "DATABASE_URL", "a1", "x" * 255])
def test_these_can_be_set(name: str) -> None:
    check_variable(name, MAX_VALUE_BYTES, has_nul=False)


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "A.B", "Ä", "x" * 256, "A\n", "0b5a1b9e-3a67-4d0e-9d4f-5a1b9e3a674d"])
def test_what_no_shell_takes_as_a_name_cannot_be_set(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_variable(name, 1, has_nul=False)
    assert refused.value.code == "variable_name_invalid"


@pytest.mark.parametrize(
    ("name", "size", "nul", "code"),
    [
        ("PORT", 4, False, "variable_name_reserved"),
        ("A", 4, True, "variable_value_invalid"),
        ("A", MAX_VALUE_BYTES + 1, False, "variable_value_too_long"),
    ],
)
def test_what_cannot_be_set_is_refused_by_its_code(name: str, size: int, nul: bool, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_variable(name, size, has_nul=nul)
    assert refused.value.code == code
    assert refused.value.hint


def test_a_scopes_size_counts_names_and_values_in_bytes() -> None:
    assert a_scope("w", Level.WORKSPACE, a_variable("A", "é"), a_variable("BB", vault_version=1, size=10)).size == 1 + 2 + 2 + 10


def test_a_scope_that_grows_too_large_is_refused_with_the_sizes() -> None:
    scope = a_scope("acme", Level.WORKSPACE, a_variable("A", size=MAX_SCOPE_BYTES))
    with pytest.raises(Invalid) as refused:
        check_sizes([scope, None])
    assert refused.value.code == "scope_too_large"
    assert refused.value.extra == {"sizes": {"acme": MAX_SCOPE_BYTES + 1}}


def test_scopes_that_are_fine_alone_can_be_too_much_together() -> None:
    scopes = [a_scope(str(number), Level.WORKSPACE, a_variable(f"V{number}", size=MAX_SCOPE_BYTES - 2)) for number in range(3)]
    with pytest.raises(Invalid) as refused:
        check_sizes(scopes)
    assert refused.value.code == "config_too_large"
    check_sizes(scopes[:2])


def test_only_what_wins_counts_for_the_whole() -> None:
    scopes = [a_scope(str(number), Level.WORKSPACE, a_variable("SAME", size=MAX_SCOPE_BYTES - 4)) for number in range(4)]
    check_sizes(scopes)
    assert resolved_size(resolve(scopes).values()) == MAX_SCOPE_BYTES < MAX_RESOLVED_BYTES
