"""Who may do what: the whole table, written out."""

from __future__ import annotations

import pytest

from chalicelib.domain.people import Role
from chalicelib.domain.policy import ALLOWED, Action, allowed

WORK = {Action.DEPLOY, Action.SET_CONFIG, Action.MANAGE_SERVICES, Action.MANAGE_PROJECTS}
TABLE: dict[Role | None, set[Action]] = {
    None: set(),
    Role.VIEWER: {Action.VIEW},
    Role.MEMBER: {Action.VIEW, *WORK},
    Role.ADMIN: {Action.VIEW, *WORK, Action.MANAGE_WORKSPACE},
}


@pytest.mark.parametrize("role", list(TABLE))
@pytest.mark.parametrize("action", list(Action))
def test_a_role_may_do_what_the_table_says_and_nothing_else(role: Role | None, action: Action) -> None:
    assert allowed(role, action) is (action in TABLE[role])


def test_every_role_has_its_row() -> None:
    assert set(ALLOWED) == set(Role)
