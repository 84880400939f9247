"""What of an access to the registry is given: what is asked for and allowed, and nothing else."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Invalid, Malformed
from chalicelib.domain.registry import Access, Holder, check_digest, check_repository, granted, parse_scopes

OWN = Access("acme/shop/production/api/5f0c", ("pull",))


def test_a_scope_names_type_thing_and_actions() -> None:
    assert parse_scopes(["repository:acme/api:pull,push"]) == [Access("acme/api", ("pull", "push"))]


def test_the_name_of_a_scope_may_hold_a_host_with_its_port() -> None:
    assert parse_scopes(["repository:host:5000/acme/api:pull"]) == [Access("host:5000/acme/api", ("pull",))]


def test_one_text_may_hold_several_scopes() -> None:
    asked = parse_scopes(["repository:a:pull repository:b:push", "", "registry:catalog:*"])
    assert asked == [Access("a", ("pull",)), Access("b", ("push",)), Access("catalog", ("*",), "registry")]


@pytest.mark.parametrize(
    "scope", ["repository", "repository:a", "repository::pull", "repository:a:", "a:b:c d:e", "repository:a:pull,", "::"]
)
def test_a_scope_that_cannot_be_read_is_refused(scope: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_scopes([scope])
    assert caught.value.code == "scope_malformed"


def test_not_any_number_of_scopes_is_read() -> None:
    assert len(parse_scopes(["repository:a:pull"] * 20)) == 20
    with pytest.raises(Malformed, match="21 scopes"):
        parse_scopes(["repository:a:pull"] * 21)


def test_exactly_what_is_asked_for_and_allowed_is_granted() -> None:
    allowed = [Access("own", ("pull", "push")), Access("cache", ("pull",))]
    asked = [Access("own", ("pull",)), Access("cache", ("push", "pull")), Access("other", ("pull",))]
    assert granted(asked, allowed) == [Access("own", ("pull",)), Access("cache", ("pull",))]


@pytest.mark.parametrize(
    "asked",
    [
        Access(OWN.name, ("push",)),
        Access(OWN.name, ("delete",)),
        Access(OWN.name, ("*",)),
        Access(f"{OWN.name}/more", ("pull",)),
        Access(OWN.name[:-1], ("pull",)),
        Access(OWN.name, ("pull",), "registry"),
        Access("acme/*", ("pull",)),
    ],
)
def test_nothing_beside_the_own_is_granted(asked: Access) -> None:
    assert granted([asked], [OWN]) == []


def test_a_name_with_a_star_at_its_end_allows_all_below_it_and_nothing_beside() -> None:
    allowed = [Access("base/*", ("pull",))]
    names = ["base/debian", "base/a/b", "base", "based/x", "base/*", "x/base/y"]
    assert [access.name for access in granted([Access(name, ("pull", "push")) for name in names], allowed)] == ["base/debian", "base/a/b"]


def test_who_holds_a_password_is_told_apart_by_the_name() -> None:
    assert Holder(service_id="s1").username == "s1"
    assert Holder(service_id="s1", build=3).username == "s1/v3"


@pytest.mark.parametrize("name", ["a", "acme/shop/api/5f0c", "a.b_c__d-e--f/1"])
def test_a_repository_is_made_of_plain_parts(name: str) -> None:
    check_repository(name)


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "A", "a/..", "a b", "a:1", "-a", "a?b", "ä", "a\n"])
def test_anything_else_is_no_repository(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_repository(name)
    assert caught.value.code == "repository_invalid"


def test_a_digest_is_written_in_full() -> None:
    check_digest(f"sha256:{'0a' * 32}")
    with pytest.raises(Invalid) as caught:
        check_digest(f"sha256:{'0a' * 32}\n")
    assert caught.value.code == "digest_invalid"
