"""Promotion over the real pipeline: what the preview shows is what is done, or it is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.errors import Conflict, Invalid, StaleWrite
from chalicelib.domain.promotions import ConfigFrom, Preview
from chalicelib.domain.runs import Outcome, RunKind
from chalicelib.usecases import config, promotions, services
from chalicelib.usecases.access import locate
from chalicelib.usecases.promotions import Promotion
from chalicelib.usecases.scopes import scope_of_place
from tests.usecases.pipeline import RacingStore, deploy_of, deployed, ended, expire_snapshot, lane_of, runs_of, with_code
from tests.world import World

PLANTED = "hunter2-never-shown"


@pytest.fixture
def promotion(world: World) -> Promotion:
    """From staging, where it runs with variables of its own, to production, where nothing runs yet."""
    source = with_code(world, environment="acme/shop/staging")
    target = with_code(world)
    set_variable(world, "acme/shop", "SHARED", "both")
    set_variable(world, "acme/shop/staging", "DATABASE", "staging-db")
    set_variable(world, "acme/shop/staging", "TOKEN", PLANTED, secret=True)
    deployed(world, source)
    return Promotion(source, target)


def set_variable(world: World, address: str, name: str, value: str, *, secret: bool = False) -> None:
    where = scope_of_place(locate(world.ports, world.ada.user_id, address.split("/")))
    config.set_variable(world.ports, world.ada, where, config.VariableWish(name=name, value=value, secret=secret))


def shown(preview: Preview) -> dict[str, tuple[str, str, bool]]:
    """Before, after and mark of the variables that change."""
    return {change.name: (change.before, change.after, change.from_source) for change in preview.changes if change.what == "variable"}


def test_a_preview_shows_what_would_come_along_and_changes_nothing(world: World, promotion: Promotion) -> None:
    preview = promotions.read_preview(world.ports, promotion)
    assert shown(preview) == {
        "DATABASE": ("", "staging-db", True),
        "SHARED": ("", "both", False),
        "TOKEN": ("", "**secret**", True),
    }
    assert [variable.name for variable in preview.carried] == ["DATABASE", "TOKEN"]
    assert PLANTED not in repr(preview)
    assert runs_of(world, promotion.target) == []


def test_a_promotion_takes_the_sources_snapshot_whole(world: World, promotion: Promotion) -> None:
    preview = promotions.read_preview(world.ports, promotion)
    run = ended(world, promotions.promote(world.ports, promotion, shown=preview.hash, by="ada"))
    assert (run.outcome, run.kind) == (Outcome.SUCCEEDED, RunKind.PROMOTION)
    assert run.request.source_address == "acme/shop/staging/web"
    assert deploy_of(world, promotion.target, 1).snapshot == deploy_of(world, promotion.source, 1).snapshot
    assert promotions.read_preview(world.ports, promotion).changes == ()


def test_with_the_targets_config_its_own_variables_are_resolved(world: World, promotion: Promotion) -> None:
    set_variable(world, "acme/shop/production", "DATABASE", "production-db")
    own = replace(promotion, config=ConfigFrom.TARGET)
    preview = promotions.read_preview(world.ports, own)
    assert shown(preview) == {"DATABASE": ("", "production-db", False), "SHARED": ("", "both", False)}
    assert preview.carried == ()
    ended(world, promotions.promote(world.ports, own, shown=preview.hash, by="ada"))
    after = promotions.read_preview(world.ports, own)
    assert after.changes == ()
    assert lane_of(world, promotion.target).active is not None


def test_the_preview_of_the_targets_config_is_the_snapshot_that_is_made(world: World, promotion: Promotion) -> None:
    long_value = "x" * 5000
    set_variable(world, "acme/shop/production", "LONG", long_value)
    own = replace(promotion, config=ConfigFrom.TARGET)
    assert shown(promotions.read_preview(world.ports, own))["LONG"] == ("", long_value, False)
    ended(world, promotions.promote(world.ports, own, shown="", by="ada"))
    assert promotions.read_preview(world.ports, own).changes == ()


def test_after_a_new_deploy_of_the_source_the_old_preview_is_refused(world: World, promotion: Promotion) -> None:
    old = promotions.read_preview(world.ports, promotion).hash
    deployed(world, promotion.source)
    with pytest.raises(StaleWrite) as caught:
        promotions.promote(world.ports, promotion, shown=old, by="ada")
    assert caught.value.code == "preview_outdated"
    assert runs_of(world, promotion.target) == []


def test_after_a_new_deploy_of_the_target_the_old_preview_is_refused(world: World, promotion: Promotion) -> None:
    old = promotions.read_preview(world.ports, promotion).hash
    deployed(world, promotion.target)
    with pytest.raises(StaleWrite):
        promotions.promote(world.ports, promotion, shown=old, by="ada")


def test_a_preview_for_the_sources_config_is_not_good_for_the_targets(world: World, promotion: Promotion) -> None:
    old = promotions.read_preview(world.ports, promotion).hash
    with pytest.raises(StaleWrite):
        promotions.promote(world.ports, replace(promotion, config=ConfigFrom.TARGET), shown=old, by="ada")


def test_after_a_change_of_the_targets_config_its_preview_is_refused(world: World, promotion: Promotion) -> None:
    own = replace(promotion, config=ConfigFrom.TARGET)
    old = promotions.read_preview(world.ports, own).hash
    set_variable(world, "acme/shop/production", "NEW", "1")
    with pytest.raises(StaleWrite):
        promotions.promote(world.ports, own, shown=old, by="ada")


def test_a_change_of_the_targets_config_does_not_touch_a_preview_of_the_sources(world: World, promotion: Promotion) -> None:
    old = promotions.read_preview(world.ports, promotion).hash
    set_variable(world, "acme/shop/production", "NEW", "1")
    assert promotions.promote(world.ports, promotion, shown=old, by="ada").run is not None


def test_without_a_hash_it_is_done_whatever_it_changes(world: World, promotion: Promotion) -> None:
    assert promotions.promote(world.ports, promotion, shown="", by="ada").run is not None


def test_a_source_that_runs_nothing_cannot_be_promoted(world: World, promotion: Promotion) -> None:
    with pytest.raises(Conflict) as caught:
        promotions.read_preview(world.ports, Promotion(promotion.target, promotion.source))
    assert (caught.value.code, caught.value.hint) == ("nothing_deployed", "deploy it first: ancla deploy acme/shop/production/web")


def test_a_service_is_not_promoted_to_itself(world: World, promotion: Promotion) -> None:
    with pytest.raises(Invalid) as caught:
        promotions.promote(world.ports, Promotion(promotion.source, promotion.source), shown="", by="ada")
    assert caught.value.code == "promotion_to_itself"


def test_a_target_that_is_being_deleted_takes_nothing(world: World, promotion: Promotion) -> None:
    services.delete_service(world.ports, world.ada, promotion.target.address)
    with pytest.raises(Conflict) as caught:
        promotions.promote(world.ports, promotion, shown="", by="ada")
    assert caught.value.code == "service_closing"


def test_a_snapshot_that_is_being_removed_is_not_promoted(world: World, promotion: Promotion) -> None:
    expire_snapshot(world, promotion.source, 1)
    with pytest.raises(Conflict) as caught:
        promotions.promote(world.ports, promotion, shown="", by="ada")
    assert caught.value.code == "snapshot_expired"


def test_a_snapshot_that_is_chosen_for_removal_at_this_moment_is_not_promoted(world: World, promotion: Promotion) -> None:
    racing = replace(world.ports, store=RacingStore(world.ports.store, lambda: expire_snapshot(world, promotion.source, 1)))
    with pytest.raises(StaleWrite):
        promotions.promote(racing, promotion, shown="", by="ada")
    assert runs_of(world, promotion.target) == []
