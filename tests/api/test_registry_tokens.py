"""The registry's token endpoint over HTTP, as containerd and BuildKit ask it."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from chalicelib.adapters.registry_tokens import SignedTokens
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.lanes import Lane
from chalicelib.domain.registry import Access, Holder
from chalicelib.ports.store import Put
from tests.api.client import Answer, Api
from tests.contracts.signers import Authority, signed_tokens
from tests.world import World

PATH = "/integrations/docker/auth"
OWN = "acme/shop/production/web/5f0c"
CACHE = "cache/acme/shop"
SCOPES = (f"repository:{OWN}:pull,push", f"repository:{CACHE}:pull")
WANTED = [
    {"type": "repository", "name": OWN, "actions": ["pull"]},
    {"type": "repository", "name": CACHE, "actions": ["pull"]},
]


@pytest.fixture
def tokens(world: World, tmp_path: Path) -> SignedTokens:
    made = signed_tokens(Authority(tmp_path))
    world.engines.registry_tokens = made
    return made


@pytest.fixture
def service(world: World) -> Service:
    """A service with a lane, as it has one from its first run on."""
    made = world.make_service()
    world.ports.store.commit([Put(Lane(service_id=made.id))])
    return made


@pytest.fixture
def api(world: World) -> Api:
    """A client of the registry: it has no API key."""
    return Api(world, key=None)


@pytest.fixture
def password(world: World, tokens: SignedTokens, service: Service) -> str:
    access = [Access(OWN, ("pull",)), Access(CACHE, ("pull",))]
    holder = Holder(service_id=service.id)
    return tokens.make_password(holder, access, now=world.clock.now(), good_for=timedelta(days=30)).reveal()


def basic(username: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def asked_by_query(api: Api, username: str, password: str, *scopes: str, **more: str) -> Answer:
    query = urlencode([("service", "registry"), *(("scope", scope) for scope in scopes), *more.items()])
    return api.get(f"{PATH}?{query}", headers=basic(username, password))


def asked_by_form(api: Api, fields: dict[str, Any], *, kind: str = "application/x-www-form-urlencoded") -> Answer:
    return api.call("POST", PATH, raw=urlencode(fields, doseq=True).encode(), headers={"Content-Type": kind})


def access_in(answer: Answer) -> Any:
    assert answer.status == 200, answer.text
    assert answer.json["token"] == answer.json["access_token"]
    assert answer.json["expires_in"] == 300
    assert answer.json["issued_at"].endswith("Z")
    return jwt.decode(answer.json["token"], options={"verify_signature": False})["access"]


def test_the_older_way_takes_basic_authentication_and_every_scope_of_the_query(api: Api, service: Service, password: str) -> None:
    more = {"account": service.id, "client_id": "docker", "offline_token": "true"}
    assert access_in(asked_by_query(api, service.id, password, *SCOPES, **more)) == WANTED


def test_scopes_may_be_one_text_with_spaces(api: Api, service: Service, password: str) -> None:
    assert access_in(asked_by_query(api, service.id, password, " ".join(SCOPES))) == WANTED


def test_the_newer_way_takes_a_form(api: Api, service: Service, password: str) -> None:
    fields = {
        "grant_type": "password",
        "client_id": "containerd-client",
        "service": "registry",
        "username": service.id,
        "password": password,
    }
    assert access_in(asked_by_form(api, {**fields, "scope": " ".join(SCOPES)})) == WANTED
    assert access_in(asked_by_form(api, {**fields, "scope": list(SCOPES)})) == WANTED


def test_a_login_asks_for_nothing_and_gets_it(api: Api, service: Service, password: str) -> None:
    assert access_in(asked_by_query(api, service.id, password)) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic"},
        {"Authorization": "Basic ???"},
        {"Authorization": "Basic " + base64.b64encode(b"no-colon").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
    ],
)
def test_without_a_login_there_is_no_token(api: Api, tokens: SignedTokens, headers: dict[str, str]) -> None:
    answer = api.get(f"{PATH}?service=registry&scope={SCOPES[0]}", headers=headers)
    assert (answer.status, answer.code) == (401, "registry_login_missing")


def test_a_wrong_password_is_refused_and_not_repeated(api: Api, service: Service, password: str) -> None:
    answer = asked_by_query(api, service.id, "hunter2", *SCOPES)
    assert (answer.status, answer.code) == (401, "registry_password_invalid")
    assert "hunter2" not in answer.text


def test_an_api_key_is_no_password_of_the_registry(world: World, api: Api, service: Service, tokens: SignedTokens) -> None:
    assert asked_by_query(api, "ada", world.ada_key, *SCOPES).status == 401


@pytest.mark.parametrize(
    ("raw", "kind", "status", "code"),
    [
        (b"", "application/x-www-form-urlencoded", 401, "registry_login_missing"),
        (b"a", "application/x-www-form-urlencoded", 400, "malformed"),
        (b"\xff=\xff", "application/x-www-form-urlencoded", 400, "malformed"),
        (b"&".join(b"a=1" for _ in range(51)), "application/x-www-form-urlencoded", 400, "malformed"),
        (b"grant_type=refresh_token&refresh_token=x", "application/x-www-form-urlencoded", 400, "grant_type_unsupported"),
        (b"grant_type=password&username=x", "application/x-www-form-urlencoded", 401, "registry_login_missing"),
        (b"{}", "application/json", 415, "unsupported_media_type"),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413, "too_large"),
    ],
)
def test_a_form_that_is_no_good_is_said_to_be_that(api: Api, tokens: SignedTokens, raw: bytes, kind: str, status: int, code: str) -> None:
    answer = api.call("POST", PATH, raw=raw, headers={"Content-Type": kind})
    assert (answer.status, answer.code) == (status, code)


def test_scopes_that_cannot_be_read_are_named(api: Api, service: Service, password: str) -> None:
    answer = asked_by_query(api, service.id, password, "nonsense")
    assert (answer.status, answer.code) == (400, "scope_malformed")


def test_an_embedded_registry_has_no_token_endpoint(api: Api, service: Service) -> None:
    answer = asked_by_query(api, service.id, "x", *SCOPES)
    assert (answer.status, answer.code) == (404, "registry_embedded")
    assert api.get("/integrations/signing-cert").json == {"certificate": ""}


def test_the_signing_certificate_is_shown_to_everybody(api: Api, tokens: SignedTokens) -> None:
    assert api.get("/integrations/signing-cert/").json == {"certificate": tokens.certificate}
