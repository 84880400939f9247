"""The registry lets in who has a token of Ancla's for just that, and nobody else."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from engines import pki
from engines.images import REPOSITORY, TAG
from engines.registry.push import MANIFEST
from engines.registry.settings import REALM, SERVICE, signer
from engines.registry.tokens import render_claims, server, sign, token_for
from engines.site import Site

MANIFEST_PATH = f"/v2/{REPOSITORY}/manifests/{TAG}"


def status(site: Site, token: str, method: str = "GET", path: str = MANIFEST_PATH) -> int:
    return server(site, token).accepting(MANIFEST).ask(method, path).status


def claims(changes: Mapping[str, object], age: int = 0) -> dict[str, object]:
    return {**render_claims({REPOSITORY: ["pull"]}, now=int(time.time()) - age, nonce="1"), **changes}


def test_a_token_pulls_what_it_is_for(site: Site) -> None:
    assert status(site, token_for(site, {REPOSITORY: ["pull"]})) == 200


def test_a_token_pulls_nothing_else(site: Site) -> None:
    assert status(site, token_for(site, {"team/app": ["pull"]})) == 401


def test_a_token_to_pull_pushes_nothing(site: Site) -> None:
    assert status(site, token_for(site, {REPOSITORY: ["pull"]}), "POST", f"/v2/{REPOSITORY}/blobs/uploads/") == 401


def test_a_token_to_pull_deletes_nothing(site: Site) -> None:
    assert status(site, token_for(site, {REPOSITORY: ["pull"]}), "DELETE", MANIFEST_PATH) == 401


def test_who_has_no_token_is_sent_to_ancla_for_one(site: Site) -> None:
    assert status(site, "") == 401
    assert server(site).ask("GET", "/v2/").headers["WWW-Authenticate"] == f'Bearer realm="{REALM}",service="{SERVICE}"'


@pytest.mark.parametrize(
    ("changes", "age"), [({}, 3600), ({"aud": "another"}, 0), ({"iss": "another"}, 0)], ids=["old", "for another", "by another"]
)
def test_a_token_that_does_not_fit_is_refused(site: Site, changes: Mapping[str, object], age: int) -> None:
    assert status(site, sign(claims(changes, age), signer(site))) == 401


@pytest.mark.parametrize("name", ["registry", "buildctl"])
def test_a_server_or_a_client_of_this_machine_signs_no_token(site: Site, name: str) -> None:
    assert status(site, sign(claims({}), pki.certificate(site, name))) == 401
