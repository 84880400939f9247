"""What a promotion's preview shows, and what its hash stands for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.addresses import Level
from chalicelib.domain.builds import Image
from chalicelib.domain.promotions import Carried, Change, ChangeKind, ConfigFrom, carried_along, differences, preview_hash
from chalicelib.domain.promotions import preview as make_preview
from chalicelib.domain.snapshots import FrozenVariable, Snapshot
from tests.domain.records import a_snapshot, plain, secret

STAGING = "acme/shop/staging"


def changes(wanted: Snapshot, current: Snapshot | None, *, from_source: bool = True) -> list[Change]:
    return list(differences(wanted, current, from_source=from_source))


def hash_of(wanted: Snapshot, current: Snapshot | None, config: ConfigFrom = ConfigFrom.SOURCE, target: str = "target") -> str:
    return preview_hash(wanted, current, source_service_id="source", target_service_id=target, config=config)


def test_the_same_snapshot_changes_nothing() -> None:
    snapshot = a_snapshot(MODE=plain("a"), TOKEN=secret(1))
    assert changes(snapshot, snapshot) == []


def test_another_image_shows_with_its_commit() -> None:
    current = a_snapshot()
    wanted = replace(current, image=replace(current.image, digest="sha256:" + "2" * 64), commit="d0" * 20)
    assert changes(wanted, current) == [
        Change(what="image", kind=ChangeKind.CHANGED, before="acme/api@sha256:" + "1" * 64, after="acme/api@sha256:" + "2" * 64),
        Change(what="commit", kind=ChangeKind.CHANGED, before="c0" * 20, after="d0" * 20),
    ]


def test_health_settings_show() -> None:
    current = a_snapshot()
    wanted = replace(current, health_check_path="/ready", deployment_timeout=300)
    assert [(c.what, c.before, c.after) for c in changes(wanted, current)] == [
        ("health_check_path", "/_health/", "/ready"),
        ("deployment_timeout", "180", "300"),
    ]


def test_process_types_show_by_name_the_release_command_too() -> None:
    current = a_snapshot()
    image = Image(repository="acme/api", digest=current.image.digest, processes={"web": "serve --fast", "worker": "work"})
    shown = [(c.kind, c.name, c.before, c.after) for c in changes(replace(current, image=image), current) if c.what == "process"]
    assert shown == [
        (ChangeKind.REMOVED, "release", "migrate", ""),
        (ChangeKind.CHANGED, "web", "serve", "serve --fast"),
        (ChangeKind.ADDED, "worker", "", "work"),
    ]


def test_variables_show_with_both_values_and_the_origin_of_the_new_one() -> None:
    current = a_snapshot(GONE=plain("old"), MODE=plain("a"))
    wanted = a_snapshot(MODE=plain("b", Level.ENVIRONMENT, STAGING), NEW=plain("1", Level.WORKSPACE, "acme"))
    assert changes(wanted, current) == [
        Change(what="variable", kind=ChangeKind.REMOVED, name="GONE", before="old", origin="acme/shop", level="project"),
        Change(
            what="variable",
            kind=ChangeKind.CHANGED,
            name="MODE",
            before="a",
            after="b",
            origin=STAGING,
            level="environment",
            from_source=True,
        ),
        Change(what="variable", kind=ChangeKind.ADDED, name="NEW", after="1", origin="acme", level="workspace"),
    ]


@pytest.mark.parametrize(
    ("level", "marked"),
    [
        (Level.WORKSPACE, False),
        (Level.TEAM, False),
        (Level.PROJECT, False),
        (Level.ENVIRONMENT, True),
        (Level.SERVICE, True),
    ],
)
def test_values_of_the_sources_own_scopes_are_marked(level: Level, marked: bool) -> None:
    (change,) = changes(a_snapshot(MODE=plain("b", level)), a_snapshot())
    assert change.from_source is marked


def test_with_the_targets_own_config_nothing_is_marked() -> None:
    (change,) = changes(a_snapshot(MODE=plain("b", Level.SERVICE)), a_snapshot(), from_source=False)
    assert not change.from_source


def test_a_removed_value_is_not_marked() -> None:
    (change,) = changes(a_snapshot(), a_snapshot(MODE=plain("b", Level.SERVICE)))
    assert not change.from_source


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (secret(1), secret(2)),
        (secret(1, scope_id="scope-1"), secret(1, scope_id="scope-2")),
    ],
)
def test_a_secret_differs_by_which_entry_it_is_and_shows_no_value(before: FrozenVariable, after: FrozenVariable) -> None:
    (change,) = changes(a_snapshot(TOKEN=after), a_snapshot(TOKEN=before))
    assert (change.before, change.after, change.secret) == ("**secret**", "**secret**", True)


def test_a_plain_value_that_becomes_secret_shows_no_secret() -> None:
    (change,) = changes(a_snapshot(TOKEN=secret(1)), a_snapshot(TOKEN=plain("visible before")))
    assert (change.before, change.after, change.secret) == ("visible before", "**secret**", True)


def test_the_same_value_from_another_scope_is_no_change_for_the_container() -> None:
    assert changes(a_snapshot(MODE=plain("a", Level.SERVICE)), a_snapshot(MODE=plain("a", Level.PROJECT))) == []


def test_a_target_that_runs_nothing_gets_everything_as_new() -> None:
    shown = changes(a_snapshot(MODE=plain("a")), None)
    assert {change.kind for change in shown} == {ChangeKind.ADDED}
    assert [change.what for change in shown] == [
        "image",
        "commit",
        "health_check_path",
        "deployment_timeout",
        "process",
        "process",
        "variable",
    ]


def test_all_that_comes_from_the_sources_own_scopes_is_listed_whether_or_not_it_changes() -> None:
    snapshot = a_snapshot(
        A=plain("1", Level.WORKSPACE), DB=plain("x", Level.ENVIRONMENT, STAGING), KEY=secret(1, Level.SERVICE, f"{STAGING}/api")
    )
    assert carried_along(snapshot) == (
        Carried(name="DB", origin=STAGING, level="environment", secret=False),
        Carried(name="KEY", origin=f"{STAGING}/api", level="service", secret=True),
    )
    shown = make_preview(snapshot, snapshot, source_service_id="source", target_service_id="target", config=ConfigFrom.SOURCE)
    assert shown.changes == ()
    assert [variable.name for variable in shown.carried] == ["DB", "KEY"]


def test_the_targets_own_config_carries_nothing_along() -> None:
    snapshot = a_snapshot(DB=plain("x", Level.ENVIRONMENT))
    shown = make_preview(snapshot, None, source_service_id="source", target_service_id="target", config=ConfigFrom.TARGET)
    assert shown.carried == ()


def test_the_hash_is_the_same_as_long_as_the_same_would_be_done() -> None:
    assert hash_of(a_snapshot(A=plain("1")), a_snapshot()) == hash_of(a_snapshot(A=plain("1")), a_snapshot())


def test_the_hash_changes_with_each_thing_that_the_promotion_rests_on() -> None:
    base = a_snapshot(A=plain("1"))
    hashes = [
        hash_of(base, a_snapshot()),
        hash_of(a_snapshot(A=plain("2")), a_snapshot()),
        hash_of(base, base),
        hash_of(base, None),
        hash_of(base, a_snapshot(), ConfigFrom.TARGET),
        hash_of(base, a_snapshot(), target="another"),
    ]
    assert len(set(hashes)) == len(hashes)
