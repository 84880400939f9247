"""What the verbs of the hierarchy promise when two act at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address
from chalicelib.domain.audit import first_break
from chalicelib.domain.errors import Conflict, NotFound, StaleWrite
from chalicelib.domain.lanes import Lane
from chalicelib.domain.people import Role
from chalicelib.ports.store import all_of, get_one
from chalicelib.usecases import access, environments, projects, services, teams, workspaces
from chalicelib.usecases.config import VariableWish, set_variable
from chalicelib.usecases.scopes import scope_of_place
from chalicelib.usecases.service_fields import ServiceFields
from tests.usecases.racing import RacingStore, with_rival
from tests.world import World

PRODUCTION = Address("acme", "shop", "production")


def test_of_two_who_create_the_same_at_once_one_is_told(world: World) -> None:
    racing = with_rival(world.ports, world.make_workspace)
    with pytest.raises(Conflict) as refused:
        workspaces.create_workspace(racing, world.ada, name="acme")
    assert refused.value.code == "slug_taken"


def test_no_project_comes_into_a_workspace_that_is_being_deleted(world: World) -> None:
    world.make_workspace()
    racing = with_rival(world.ports, lambda: workspaces.delete_workspace(world.ports, world.ada, "acme"))
    with pytest.raises(NotFound):
        projects.create_project(racing, world.ada, "acme", name="shop")


def test_a_workspace_is_not_deleted_when_a_project_comes_in_meanwhile(world: World) -> None:
    world.make_workspace()
    world.join(world.make_user("max"), "acme", Role.MEMBER)
    place = access.locate(world.ports, world.ada.user_id, ("acme",))
    set_variable(world.ports, world.ada, scope_of_place(place), VariableWish(name="TOKEN", value="hunter2", secret=True))
    with pytest.raises(Conflict) as refused:
        workspaces.delete_workspace(with_rival(world.ports, world.make_project), world.ada, "acme")
    assert refused.value.code == "workspace_not_empty"
    assert len(all_of(world.ports.store, *keys.members("acme"))) == 2
    assert len(world.engines.vault.entries) == 1
    assert [project.address.slug for project in projects.list_projects(world.ports, "acme")] == ["shop"]


def test_a_team_that_comes_in_meanwhile_is_deleted_with_its_workspace(world: World) -> None:
    world.make_workspace()
    racing = with_rival(world.ports, lambda: teams.create_team(world.ports, world.ada, "acme", name="core"))
    workspaces.delete_workspace(racing, world.ada, "acme")
    world.make_workspace()
    assert teams.list_teams(world.ports, "acme") == []


def test_no_service_comes_into_an_environment_that_is_being_deleted(world: World) -> None:
    world.make_workspace()
    world.make_project()
    racing = with_rival(world.ports, lambda: environments.delete_environment(world.ports, world.ada, PRODUCTION))
    with pytest.raises(Conflict) as refused:
        services.create_service(racing, world.ada, PRODUCTION, name="web", fields=ServiceFields())
    assert refused.value.code == "environment_closing"
    assert services.list_services(world.ports, PRODUCTION) == []


def test_an_environment_that_came_with_its_project_is_given_to_one_alone(world: World) -> None:
    world.make_workspace()
    world.make_project()
    racing = with_rival(world.ports, lambda: world.make_environment("staging"))
    with pytest.raises(Conflict) as refused:
        environments.create_environment(racing, world.ada, Address("acme", "shop"), name="staging")
    assert refused.value.code == "slug_taken"


def test_two_who_scale_at_once_lose_nothing(world: World) -> None:
    address = world.make_service().address
    racing = with_rival(world.ports, lambda: services.scale_service(world.ports, world.ada, address, {"web": 3}))
    changed = services.scale_service(racing, world.ada, address, {"worker": 2})
    assert changed.service.process_counts == {"web": 3, "worker": 2}
    lane: Lane | None = get_one(world.ports.store, keys.lane(changed.service.id))
    assert lane is not None
    assert lane.intent == 2


def test_a_rename_and_a_change_at_once_both_count(world: World) -> None:
    address = world.make_service().address
    rename = ServiceFields(name="New")
    racing = with_rival(world.ports, lambda: services.change_service(world.ports, world.ada, address, rename))
    changed = services.change_service(racing, world.ada, address, ServiceFields(platform="docker"))
    assert (changed.service.name, changed.service.platform) == ("New", "docker")


def test_a_service_that_changed_since_it_was_seen_is_not_deleted(world: World) -> None:
    service = world.make_service()
    rename = ServiceFields(name="New")
    racing = with_rival(world.ports, lambda: services.change_service(world.ports, world.ada, service.address, rename))
    with pytest.raises(StaleWrite) as refused:
        services.delete_service(racing, world.ada, service.address, expected=service.version)
    assert refused.value.code == "version_mismatch"
    assert not services.get_service(world.ports.store, service.address).closing


def test_the_members_go_before_the_workspace_so_that_nobody_stays_behind(world: World) -> None:
    world.make_workspace()
    for number in range(90):
        world.join(world.make_user(f"user{number}"), "acme", Role.VIEWER)
    workspaces.delete_workspace(world.ports, world.ada, "acme")
    assert all_of(world.ports.store, *keys.members("acme")) == []


def test_a_record_and_its_trail_are_one(world: World) -> None:
    workspace = world.make_workspace()
    world.make_project()
    for name in ("One", "Two"):
        workspaces.rename_workspace(world.ports, world.ada, "acme", name=name)
    trail = all_of(world.ports.store, *keys.audit_trail(workspace.id))
    assert [entry.action for entry in trail] == ["create", "create_project", "rename", "rename"]
    assert first_break(trail) == 0


def test_a_place_is_read_in_one_round_trip(world: World) -> None:
    service = world.make_service()
    counting = RacingStore(world.ports.store, lambda: None, times=0)
    place = access.locate(replace(world.ports, store=counting), world.ada.user_id, service.address.parts)
    assert place.service == service
    assert counting.reads == [5]
