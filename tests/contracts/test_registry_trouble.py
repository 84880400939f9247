"""What a registry can answer that is no good, and what is said of it: always a trouble of ours, tried again, never the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest

from chalicelib.adapters.registry import OciRegistry
from chalicelib.adapters.registry_tokens import SignedTokens
from chalicelib.domain.errors import Invalid, Unavailable
from tests.contracts.scripted import Asked, Scripted, Told, scripted
from tests.contracts.signers import Authority, signed_tokens

REPOSITORY = "acme/shop/production/api/5f0c"
DIGEST = f"sha256:{'0' * 64}"
OTHER_DIGEST = f"sha256:{'1' * 64}"
DENIED = '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def tokens(authority: Authority) -> SignedTokens:
    return signed_tokens(authority)


@pytest.fixture(scope="module")
def _serving(authority: Authority) -> Iterator[Scripted]:
    with scripted(lambda asked: Told(), authority.issue("server")) as server:
        yield server


@pytest.fixture
def server(_serving: Scripted) -> Scripted:
    _serving.asked.clear()
    return _serving


def reached(server: str, tokens: SignedTokens, ca: Path | None) -> OciRegistry:
    return OciRegistry(server, tokens, ca=ca, now=lambda: datetime.now(UTC))


@pytest.fixture
def registry(server: Scripted, tokens: SignedTokens, authority: Authority) -> OciRegistry:
    return reached(server.address, tokens, authority.certificate)


def test_an_image_is_asked_for_with_a_token_for_that_repository_and_nothing_else(registry: OciRegistry, server: Scripted) -> None:
    server.answer = lambda asked: Told(headers={"Docker-Content-Digest": DIGEST})
    assert registry.has(REPOSITORY, DIGEST)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("HEAD", f"/v2/{REPOSITORY}/manifests/{DIGEST}")
    assert "application/vnd.oci.image.manifest.v1+json" in asked.headers["accept"]
    claims = jwt.decode(asked.headers["authorization"].removeprefix("Bearer "), options={"verify_signature": False})
    assert claims["access"] == [{"type": "repository", "name": REPOSITORY, "actions": ["pull"]}]
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("ancla", "registry", "ancla")
    assert claims["exp"] - claims["iat"] == 120


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (301, "registry_unavailable"),
        (400, "registry_unavailable"),
        (401, "registry_denied"),
        (403, "registry_denied"),
        (405, "registry_denied"),
        (429, "registry_throttled"),
        (500, "registry_unavailable"),
        (503, "registry_unavailable"),
    ],
)
def test_an_answer_that_is_no_good_is_ours_and_names_registry_repository_and_status(
    registry: OciRegistry, server: Scripted, status: int, code: str
) -> None:
    server.answer = lambda asked: Told(status, DENIED, {"Location": "https://elsewhere.example/"})
    calls: list[Callable[[], None]] = [lambda: registry.remove(REPOSITORY), lambda: registry.remove_image(REPOSITORY, DIGEST, build=1)]
    for call in calls:
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.code == code
        assert server.address in caught.value.message and REPOSITORY in caught.value.message
        assert f"{status}, UNAUTHORIZED" in caught.value.message
        assert caught.value.hint
    with pytest.raises(Unavailable):
        registry.has(REPOSITORY, DIGEST)


def test_an_image_of_another_digest_than_was_asked_for_is_not_taken(registry: OciRegistry, server: Scripted) -> None:
    server.answer = lambda asked: Told(headers={"Docker-Content-Digest": OTHER_DIGEST})
    with pytest.raises(Unavailable, match=OTHER_DIGEST):
        registry.has(REPOSITORY, DIGEST)


def test_all_pages_of_tags_are_removed_each_image_once(registry: OciRegistry, server: Scripted) -> None:
    images = {"v1": DIGEST, "v2": DIGEST, "v3": OTHER_DIGEST}

    def answer(asked: Asked) -> Told:
        last = asked.path.rpartition("/")[2]
        if asked.method == "GET":
            if "last=v2" in asked.path:
                return Told(body='{"name": "x", "tags": ["v3"]}')
            link = f'<https://elsewhere.example/v2/{REPOSITORY}/tags/list?last=v2&n=100>; rel="next"'
            return Told(body='{"name": "x", "tags": ["v1", "v2"]}', headers={"Link": link})
        if asked.method == "DELETE":
            for tag in [tag for tag, digest in images.items() if digest == last]:
                del images[tag]
            return Told(202)
        return Told(headers={"Docker-Content-Digest": images[last]}) if last in images else Told(404)

    server.answer = answer
    registry.remove(REPOSITORY)
    assert images == {}
    assert [asked.path.rpartition("/")[2] for asked in server.asked if asked.method == "DELETE"] == [DIGEST, OTHER_DIGEST]


@pytest.mark.parametrize("body", ['{"name": "x", "tags": null}', '{"tags": []}'])
def test_a_repository_without_tags_is_removed_already(registry: OciRegistry, server: Scripted, body: str) -> None:
    server.answer = lambda asked: Told(body=body)
    registry.remove(REPOSITORY)
    assert [asked.method for asked in server.asked] == ["GET"]


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"tags": 7}'])
def test_what_is_no_list_of_tags_is_not_taken_for_an_empty_one(registry: OciRegistry, server: Scripted, body: str) -> None:
    server.answer = lambda asked: Told(body=body)
    with pytest.raises(Unavailable, match="no list of tags"):
        registry.remove(REPOSITORY)


def test_a_certificate_of_another_authority_is_said_to_be_that(server: Scripted, tokens: SignedTokens, tmp_path: Path) -> None:
    registry = reached(server.address, tokens, Authority(tmp_path).certificate)
    with pytest.raises(Unavailable, match="certificate that cannot be trusted") as caught:
        registry.has(REPOSITORY, DIGEST)
    assert caught.value.code == "registry_untrusted"
    assert "ANCLA_REGISTRY_CA" in caught.value.hint
    assert server.asked == [], "the token went to who could not show that it is the registry"


def test_a_registry_that_is_away_is_named(tokens: SignedTokens, authority: Authority) -> None:
    with pytest.raises(Unavailable, match="127.0.0.1:1 does not answer") as caught:
        reached("127.0.0.1:1", tokens, authority.certificate).has(REPOSITORY, DIGEST)
    assert caught.value.code == "registry_unavailable"


@pytest.mark.parametrize("repository", ["", "../etc", "a/../b", "/etc", "a//b", "a b", ".hidden", "A", "a?x=1", "a#b", "host:5000/a"])
def test_a_repository_that_could_be_a_path_elsewhere_is_refused(registry: OciRegistry, server: Scripted, repository: str) -> None:
    for call in (
        lambda: registry.has(repository, DIGEST),
        lambda: registry.remove(repository),
        lambda: registry.remove_image(repository, DIGEST, build=1),
        lambda: registry.grant_pull("service-1", repository, now=datetime.now(UTC)),
    ):
        with pytest.raises(Invalid, match="cannot be a repository"):
            call()
    assert server.asked == []


@pytest.mark.parametrize("digest", ["", "latest", "sha256:../../x", f"sha512:{'0' * 64}", f"sha256:{'A' * 64}"])
def test_what_is_no_digest_is_refused(registry: OciRegistry, server: Scripted, digest: str) -> None:
    with pytest.raises(Invalid, match="is not a digest"):
        registry.has(REPOSITORY, digest)
    with pytest.raises(Invalid, match="is not a digest"):
        registry.remove_image(REPOSITORY, digest, build=1)
    assert server.asked == []
