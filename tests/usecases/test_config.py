"""Variables: where values lie, and what happens when two people write at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address
from chalicelib.domain.config import Scope
from chalicelib.domain.errors import Conflict, NotFound, StaleWrite, Unavailable
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.vault import scope_path
from chalicelib.pipeline.attempts import TRIES
from chalicelib.ports.store import all_of, get_one
from chalicelib.usecases import access, services, workspaces
from chalicelib.usecases.config import VariableWish, delete_variable, import_text, list_variables, set_variable
from chalicelib.usecases.scopes import VERSIONS_KEPT, ScopeAddress, scope_of_place
from tests.usecases.racing import RacingStore, with_rival
from tests.world import World

PARTS = ("acme", "shop", "production", "web")
LONG = "x" * 2000


def where(world: World) -> ScopeAddress:
    return scope_of_place(access.locate(world.ports, world.ada.user_id, PARTS))


def stored(world: World) -> Scope:
    scope = get_one(world.ports.store, keys.scope("acme", "/".join(PARTS)))
    assert scope is not None
    return scope


def in_vault(world: World) -> dict[str, Secret]:
    """What the version of the vault's entry holds that counts."""
    scope = stored(world)
    return dict(world.ports.vault.read(scope_path(scope.id), version=scope.vault_version) or {})


@pytest.fixture
def put(world: World) -> Callable[..., None]:
    world.make_service()

    def set_one(name: str, value: str, secret: bool | None = None) -> None:
        set_variable(world.ports, world.ada, where(world), VariableWish(name=name, value=value, secret=secret))

    return set_one


def test_a_secret_is_in_the_vault_and_nowhere_else(world: World, put: Callable[..., None]) -> None:
    put("TOKEN", "hunter2", True)
    assert in_vault(world) == {"TOKEN": Secret("hunter2")}
    scope = stored(world)
    assert "hunter2" not in repr(scope)
    assert "hunter2" not in repr(all_of(world.ports.store, *keys.audit_trail(scope.id)))


def test_each_entry_of_the_vault_is_complete(world: World, put: Callable[..., None]) -> None:
    put("A", "1", True)
    put("B", "2", True)
    put("PLAIN", "3")
    assert in_vault(world) == {"A": Secret("1"), "B": Secret("2")}


def test_a_secret_that_is_deleted_or_made_plain_leaves_the_vault(world: World, put: Callable[..., None]) -> None:
    for name in ("A", "B", "C"):
        put(name, name, True)
    delete_variable(world.ports, world.ada, where(world), "A")
    put("B", "now plain", False)
    assert in_vault(world) == {"C": Secret("C")}


def test_a_secret_is_never_named_by_a_version_that_the_vault_may_drop(world: World, put: Callable[..., None]) -> None:
    put("OLD", "kept", True)
    for number in range(3 * VERSIONS_KEPT):
        put("NEW", str(number), True)
        scope = stored(world)
        assert scope.vault_version - scope.variables["OLD"].vault_version < VERSIONS_KEPT
    named = stored(world).variables["OLD"].vault_version
    entry = world.ports.vault.read(scope_path(stored(world).id), version=named)
    assert entry is not None
    assert entry["OLD"] == Secret("kept")


def test_a_version_that_a_dead_worker_left_counts_for_nothing(world: World, put: Callable[..., None]) -> None:
    put("A", "1", True)
    path = scope_path(stored(world).id)
    world.ports.vault.write(path, {"A": Secret("never committed"), "GHOST": Secret("boo")}, cas=1)
    put("B", "2", True)
    assert in_vault(world) == {"A": Secret("1"), "B": Secret("2")}


def test_while_the_vault_is_sealed_no_secret_is_set_and_plain_ones_are(world: World, put: Callable[..., None]) -> None:
    world.engines.vault.sealed = True
    put("A", "1")
    with pytest.raises(Unavailable):
        put("TOKEN", "hunter2", True)
    assert set(stored(world).variables) == {"A"}


def test_a_long_plain_value_lies_beside_the_record_and_goes_with_it(world: World, put: Callable[..., None]) -> None:
    put("A", LONG)
    document = stored(world).variables["A"].blob
    assert world.ports.logs.read(document) == LONG.encode()
    put("A", LONG, True)
    assert world.ports.logs.read(document) == b""
    assert stored(world).variables["A"].blob == ""


def test_two_who_write_at_once_lose_nothing(world: World, put: Callable[..., None]) -> None:
    put("A", "1", True)
    racing = with_rival(world.ports, lambda: put("B", "2", True))
    set_variable(racing, world.ada, where(world), VariableWish(name="C", value="3", secret=True))
    assert in_vault(world) == {"A": Secret("1"), "B": Secret("2"), "C": Secret("3")}


def test_who_is_always_too_late_is_told_so(world: World, put: Callable[..., None]) -> None:
    numbers = count()
    racing = with_rival(world.ports, lambda: put("A", str(next(numbers))), times=TRIES)
    with pytest.raises(StaleWrite):
        set_variable(racing, world.ada, where(world), VariableWish(name="B", value="1"))


def test_nothing_is_set_on_a_service_that_goes_away_meanwhile(world: World, put: Callable[..., None]) -> None:
    address = Address.of(*PARTS)
    racing = with_rival(world.ports, lambda: services.delete_service(world.ports, world.ada, address))
    with pytest.raises(Conflict, match="being deleted"):
        set_variable(racing, world.ada, where(world), VariableWish(name="A", value="1"))
    assert get_one(world.ports.store, keys.scope("acme", "/".join(PARTS))) is None


def test_nothing_is_left_by_who_sets_a_variable_of_a_workspace_that_goes_away_meanwhile(world: World) -> None:
    world.make_workspace()
    place = access.locate(world.ports, world.ada.user_id, ("acme",))
    racing = with_rival(world.ports, lambda: workspaces.delete_workspace(world.ports, world.ada, "acme"))
    with pytest.raises(NotFound):
        set_variable(racing, world.ada, scope_of_place(place), VariableWish(name="A", value="1"))
    assert get_one(world.ports.store, keys.scope("acme", "acme")) is None


def test_an_import_is_one_commit_and_one_entry_of_the_trail(world: World, put: Callable[..., None]) -> None:
    import_text(world.ports, world.ada, where(world), "A=1\nB=2\nC=3", secret=True)
    trail = all_of(world.ports.store, *keys.audit_trail(stored(world).id))
    assert [(entry.action, entry.detail) for entry in trail] == [("import_variables", {"names": "A, B, C"})]
    assert world.ports.vault.newest_version(scope_path(stored(world).id)) == 1


def test_reading_all_scopes_is_one_round_trip(world: World, put: Callable[..., None]) -> None:
    put("A", "1")
    here, counting = where(world), RacingStore(world.ports.store, lambda: None, times=0)
    list_variables(replace(world.ports, store=counting), here)
    assert counting.reads == [4]


def test_an_import_that_changes_nothing_writes_nothing(world: World, put: Callable[..., None]) -> None:
    put("TOKEN", "hunter2", True)
    before = stored(world)
    imported = import_text(world.ports, world.ada, where(world), "TOKEN=other")
    assert (imported.created, imported.skipped) == ((), ("TOKEN",))
    assert stored(world) == before
