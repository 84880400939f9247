from __future__ import annotations

from typing import Any

import pytest
from ancla_sdk import UnexpectedAnswer, ValidationError, encode
from ancla_sdk.addresses import path_of
from ancla_sdk.decoding import decode, decode_list
from ancla_sdk.models import Failure, PipelineStatus, Run, Service, StageStatus, Workspace
from ancla_sdk.people import Member


def test_fields_that_a_newer_server_adds_are_ignored() -> None:
    assert decode(Workspace, {"slug": "acme", "colour": "green"}) == Workspace(slug="acme")


def test_missing_fields_and_nulls_take_the_default() -> None:
    assert decode(Run, {"run": 3, "failure": None, "detail": None}) == Run(run=3)


def test_objects_lists_and_maps_within_are_decoded() -> None:
    assert decode(Workspace, {"members": [{"username": "ada", "admin": True}]}).members == (Member(username="ada", admin=True),)
    assert decode(Service, {"process_counts": {"web": 2}}).process_counts == {"web": 2}
    assert decode(Run, {"failure": {"code": "x", "evidence": ["a", "b"]}}).failure == Failure(code="x", evidence=("a", "b"))
    assert decode(PipelineStatus, {"build": {"status": "success"}, "deploy": None}).build == StageStatus(status="success")


def test_a_model_is_encoded_as_the_api_has_it() -> None:
    assert encode([Failure(code="x", evidence=("a",))]) == [{"code": "x", "message": "", "hint": "", "evidence": ["a"]}]
    assert encode(Service(process_counts={"web": 2}))["process_counts"] == {"web": 2}


def test_a_list_may_come_bare_or_as_items() -> None:
    expected = [Workspace(slug="a")]
    assert decode_list(Workspace, [{"slug": "a"}]) == expected
    assert decode_list(Workspace, {"items": [{"slug": "a"}], "pagination": {}}) == expected


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"run": "3"}, "Run.run"),
        ({"run": True}, "Run.run"),
        ({"detail": 1}, "Run.detail"),
        ({"failure": {"evidence": "text"}}, "Run.failure.evidence"),
        ([], "Run"),
    ],
)
def test_a_value_of_another_type_is_named(data: Any, where: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=rf"where {where} belongs"):
        decode(Run, data)


@pytest.mark.parametrize("data", ["text", None, {"things": []}, 3])
def test_what_is_no_list_is_refused(data: object) -> None:
    with pytest.raises(UnexpectedAnswer):
        decode_list(Run, data)


def test_an_address_stands_for_a_path() -> None:
    assert path_of("acme") == "/workspaces/acme"
    assert path_of("acme/shop/staging/api") == "/workspaces/acme/projects/shop/envs/staging/services/api"
    assert path_of("a b") == "/workspaces/a%20b"


@pytest.mark.parametrize("address", ["", "/", "acme/", "acme//staging", "a/b/c/d/e", "acme/..", "."])
def test_what_is_no_address_is_refused_before_any_call(address: str) -> None:
    with pytest.raises(ValidationError):
        path_of(address)


def test_an_address_of_another_level_is_refused() -> None:
    with pytest.raises(ValidationError, match="workspace/project/environment/service"):
        path_of("acme/shop", "service")
