"""Vault takes Ancla in by its own login, and lets it do what it has to and no more."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest

from engines.pki.https import Server
from engines.site import Site
from engines.vault.operator import as_operator, server
from engines.vault.settings import files


@pytest.fixture
def ancla(site: Site) -> Server:
    body = {"role_id": files(site).role_id.read_text(), "secret_id": files(site).secret_id.read_text()}
    token: str = server(site).call("POST", "/v1/auth/approle/login", body)["auth"]["client_token"]
    return server(site, token)


@pytest.fixture
def entry(site: Site) -> Iterator[str]:
    path = f"ancla/scopes/{uuid.uuid4()}"
    yield path
    as_operator(site).call("DELETE", f"/v1/ancla/metadata/{path}")


def put(vault: Server, path: str, value: str, cas: int | None) -> int:
    options = {} if cas is None else {"cas": cas}
    return vault.ask("POST", f"/v1/ancla/data/{path}", {"data": {"KEY": value}, "options": options}).status


def test_a_write_names_the_version_that_it_is_on_top_of(ancla: Server, entry: str) -> None:
    assert put(ancla, entry, "one", None) == 400
    assert put(ancla, entry, "one", 0) == 200
    assert put(ancla, entry, "two", 0) == 400
    assert put(ancla, entry, "two", 1) == 200
    assert ancla.call("GET", f"/v1/ancla/data/{entry}")["data"]["data"] == {"KEY": "two"}


def test_a_version_can_be_destroyed_and_an_entry_removed(ancla: Server, entry: str) -> None:
    put(ancla, entry, "one", 0)
    assert ancla.ask("PUT", f"/v1/ancla/destroy/{entry}", {"versions": [1]}).status == 204
    assert ancla.ask("GET", f"/v1/ancla/data/{entry}").status == 404
    assert ancla.ask("DELETE", f"/v1/ancla/metadata/{entry}").status == 204


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/sys/policies/acl/default"),
        ("PUT", "/v1/sys/policies/acl/somebody-else"),
        ("POST", "/v1/auth/kubernetes/role/somebody-else"),
        ("GET", "/v1/auth/kubernetes/config"),
        ("POST", "/v1/auth/approle/role/ancla/secret-id"),
        ("POST", "/v1/sys/mounts/another"),
        ("GET", "/v1/sys/mounts"),
        ("PUT", "/v1/sys/seal"),
        ("POST", "/v1/auth/token/create"),
    ],
)
def test_what_is_not_anclas_is_refused(ancla: Server, method: str, path: str) -> None:
    assert ancla.ask(method, path, {}).status == 403


def test_nobody_reads_without_a_login(site: Site) -> None:
    assert server(site).ask("GET", "/v1/ancla/metadata/?list=true").status == 403


def test_the_operators_keys_are_the_owners_alone(site: Site) -> None:
    secret = (files(site).keys, files(site).secret_id, files(site).configuration, files(site).audit)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in secret} == {path.name: "0o600" for path in secret}


def test_the_audit_log_holds_no_value(site: Site, ancla: Server, entry: str) -> None:
    planted = f"planted-{uuid.uuid4()}"
    put(ancla, entry, planted, 0)
    log = files(site).audit.read_text()
    assert planted not in log
    assert json.loads(log.splitlines()[-1])["request"]["path"] == f"ancla/data/{entry}"
