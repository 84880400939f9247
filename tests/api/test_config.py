"""Variables over HTTP."""

from __future__ import annotations

import pytest

from chalicelib.domain.config import INLINE_BYTES
from tests.api.client import MISSING, Api
from tests.world import World

WORKSPACE = "/workspaces/acme"
PROJECT = f"{WORKSPACE}/projects/shop"
ENVIRONMENT = f"{PROJECT}/envs/production"
SERVICE = f"{ENVIRONMENT}/services/web"
TEAM = f"{WORKSPACE}/teams/core"
PLACES = [WORKSPACE, TEAM, PROJECT, ENVIRONMENT, SERVICE]
SCOPES = ["workspace", "team", "project", "environment", "service"]


@pytest.fixture
def api(world: World) -> Api:
    world.make_service()
    api = Api(world)
    api.post(f"{WORKSPACE}/teams", {"name": "Core"})
    return api


@pytest.mark.parametrize(("place", "scope"), list(zip(PLACES, SCOPES, strict=True)))
def test_a_variable_is_set_listed_and_deleted_at_every_scope(api: Api, place: str, scope: str) -> None:
    made = api.post(f"{place}/config/", {"name": "COLOR", "value": "blue"})
    assert (made.status, made.json["scope"], made.json["secret"], made.json["buildtime"]) == (201, scope, False, False)
    assert [(v["id"], v["name"], v["value"]) for v in api.get(f"{place}/config/").json] == [(made.json["id"], "COLOR", "blue")]
    assert api.delete(f"{place}/config/{made.json['id']}").status == 204
    assert api.get(f"{place}/config").json == []


def test_setting_again_keeps_id_and_flags_that_are_not_sent(api: Api) -> None:
    first = api.post(f"{SERVICE}/config", {"name": "A", "value": "1", "secret": True, "buildtime": True})
    again = api.post(f"{SERVICE}/config", {"name": "A", "value": "2"})
    assert (first.status, again.status) == (201, 200)
    assert (again.json["id"], again.json["secret"], again.json["buildtime"]) == (first.json["id"], True, True)
    off = api.post(f"{SERVICE}/config", {"name": "A", "value": "2", "buildtime": False})
    assert (off.json["secret"], off.json["buildtime"]) == (True, False)


def test_a_secret_is_shown_once_to_who_sends_it_and_masked_ever_after(world: World, api: Api) -> None:
    assert api.post(f"{SERVICE}/config", {"name": "T", "value": "hunter2", "secret": True}).json["value"] == "hunter2"
    for path in (f"{SERVICE}/config", f"{SERVICE}/config/resolved"):
        answer = api.get(path)
        assert answer.json[0]["value"] == "**secret**"
        assert "hunter2" not in answer.text


def test_a_variable_goes_from_plain_to_secret_and_back(api: Api) -> None:
    api.post(f"{SERVICE}/config", {"name": "A", "value": "1"})
    assert api.post(f"{SERVICE}/config", {"name": "A", "value": "2", "secret": True}).json["secret"] is True
    assert api.get(f"{SERVICE}/config").json[0]["value"] == "**secret**"
    assert api.post(f"{SERVICE}/config", {"name": "A", "value": "3", "secret": False}).json["secret"] is False
    assert api.get(f"{SERVICE}/config").json[0]["value"] == "3"


def test_a_long_value_comes_back_whole(api: Api) -> None:
    value = "é" * INLINE_BYTES
    api.post(f"{SERVICE}/config", {"name": "A", "value": value})
    assert api.get(f"{SERVICE}/config").json[0]["value"] == value


def test_a_service_lists_what_it_inherits_the_most_specific_first_of_all(api: Api) -> None:
    api.patch(SERVICE, {"team": "core"})
    for place, scope in zip(PLACES, SCOPES, strict=True):
        api.post(f"{place}/config", {"name": "WHO", "value": scope})
        api.post(f"{place}/config", {"name": f"ONLY_{scope.upper()}", "value": scope})
    merged = {v["name"]: (v["value"], v["scope"]) for v in api.get(f"{SERVICE}/config/").json}
    assert merged["WHO"] == ("service", "service")
    assert {name for name in merged if name.startswith("ONLY_")} == {f"ONLY_{scope.upper()}" for scope in SCOPES}
    assert api.get(f"{SERVICE}/config/resolved").json == api.get(f"{SERVICE}/config/").json


def test_the_other_scopes_list_their_own_alone(api: Api) -> None:
    api.post(f"{WORKSPACE}/config", {"name": "A", "value": "1"})
    assert api.get(f"{PROJECT}/config").json == []


def test_an_inherited_variable_is_not_deleted_where_it_is_not_set(api: Api) -> None:
    inherited = api.post(f"{WORKSPACE}/config", {"name": "A", "value": "1"}).json
    for what in (inherited["id"], "A", MISSING, "NOTHING"):
        answer = api.delete(f"{SERVICE}/config/{what}")
        assert (answer.status, answer.code) == (404, "variable_not_found")


def test_a_variable_is_deleted_by_name_too(api: Api) -> None:
    api.post(f"{SERVICE}/config", {"name": "A", "value": "1"})
    assert api.delete(f"{SERVICE}/config/A").status == 204
    assert api.get(f"{SERVICE}/config").json == []


def test_an_imported_file_takes_good_lines_reports_bad_ones_and_leaves_secrets_alone(api: Api) -> None:
    api.post(f"{SERVICE}/config", {"name": "TOKEN", "value": "hunter2", "secret": True})
    api.post(f"{SERVICE}/config", {"name": "A", "value": "old"})
    raw = "# comment\nexport A=1\nB='x # y'\nTOKEN=new\nPORT=1\nno line\n1X=2\n"
    answer = api.post(f"{SERVICE}/config/bulk", {"raw": raw})
    assert answer.status == 201
    assert (answer.json["created"], answer.json["skipped"]) == (["A", "B"], ["TOKEN"])
    assert [line["name"] for line in answer.json["errors"]] == ["line 6", "PORT", "1X"]
    values = {v["name"]: v["value"] for v in api.get(f"{SERVICE}/config").json}
    assert values == {"A": "1", "B": "x # y", "TOKEN": "**secret**"}


def test_all_forms_of_an_import_are_taken(api: Api) -> None:
    entry = {"name": "A", "value": "1"}
    for place, body in zip(
        [WORKSPACE, TEAM, PROJECT, ENVIRONMENT],
        [{"raw": "A=1"}, {"vars": [entry]}, {"variables": {"A": "1"}, "secret": False}, [entry]],
        strict=True,
    ):
        assert api.post(f"{place}/config/bulk", body).status == 201
        assert [(v["name"], v["value"]) for v in api.get(f"{place}/config").json] == [("A", "1")]


def test_an_array_is_answered_with_an_array(api: Api) -> None:
    answer = api.post(f"{SERVICE}/config/bulk", [{"name": "A", "value": "1", "secret": True}])
    assert [(v["name"], v["value"]) for v in answer.json] == [("A", "**secret**")]


def test_an_import_that_has_nothing_to_set_is_fine(api: Api) -> None:
    answer = api.post(f"{SERVICE}/config/bulk", {"raw": "# nothing\n"})
    assert (answer.status, answer.json) == (201, {"created": [], "skipped": [], "errors": []})


def test_a_scope_takes_no_more_than_a_deploy_can_carry(api: Api) -> None:
    value = "x" * 60_000
    statuses = [api.post(f"{SERVICE}/config", {"name": f"V{n}", "value": value}).status for n in range(5)]
    assert statuses == [201, 201, 201, 201, 422]


def test_the_team_must_be_there(api: Api) -> None:
    assert api.get(f"{WORKSPACE}/teams/nobody/config").code == "team_not_found"


def test_while_the_vault_is_sealed_secrets_wait_and_lists_go_on(world: World, api: Api) -> None:
    api.post(f"{SERVICE}/config", {"name": "T", "value": "hunter2", "secret": True})
    world.engines.vault.sealed = True
    answer = api.post(f"{SERVICE}/config", {"name": "U", "value": "hunter3", "secret": True})
    assert (answer.status, answer.code) == (503, "vault_sealed")
    assert [v["name"] for v in api.get(f"{SERVICE}/config").json] == ["T"]
