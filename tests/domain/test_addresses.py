"""Slugs and addresses."""

from __future__ import annotations

import pytest

from chalicelib.domain.addresses import MAX_NAME, MAX_SLUG, Address, Level, check_name, chosen_slug, is_slug, is_uuid, slugify
from chalicelib.domain.errors import Invalid

UUID = "0b5a1b9e-3a67-4d0e-9d4f-5a1b9e3a674d"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("New Workspace", "new-workspace"),
        ("  My_App  ", "my-app"),
        ("maria's workspace", "marias-workspace"),
        ("a -- b", "a-b"),
        ("--edge--", "edge"),
        ("Ünïcode", "ncode"),
        ("日本", ""),
        ("v2.0", "v20"),
        ("x" * 80, "x" * MAX_SLUG),
        ("a" * (MAX_SLUG - 1) + " b", "a" * (MAX_SLUG - 1)),
    ],
)
def test_a_name_becomes_the_slug_that_the_published_cli_makes_of_it(name: str, slug: str) -> None:
    assert slugify(name) == slug


@pytest.mark.parametrize("slug", ["a", "0", "my-app", "a--b", "x" * MAX_SLUG])
def test_these_are_slugs(slug: str) -> None:
    assert is_slug(slug)


@pytest.mark.parametrize("text", ["", "-a", "a-", "A", "a_b", "a/b", "a.b", "a\n", "x" * (MAX_SLUG + 1), "..", "ä"])
def test_these_are_no_slugs(text: str) -> None:
    assert not is_slug(text)


def test_only_the_lower_case_form_with_hyphens_is_an_id() -> None:
    assert is_uuid(UUID)
    assert not is_uuid(UUID.upper())
    assert not is_uuid(UUID.replace("-", ""))
    assert not is_uuid(UUID + "\n")


@pytest.mark.parametrize("text", ["acme", "acme/shop", "acme/shop/production", "acme/shop/production/api"])
def test_an_address_reads_back_as_it_was_written(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize("text", ["", "/", "acme/", "/acme", "acme//api", "a/b/c/d/e", "acme/Shop", "acme/../api", "acme/shop "])
def test_what_is_no_address_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        Address.parse(text)
    assert refused.value.code == "address_invalid"
    assert refused.value.hint


def test_an_address_knows_its_level_its_parent_and_its_children() -> None:
    address = Address.parse("acme/shop/production/api")
    assert address.level is Level.SERVICE
    assert address.slug == "api"
    assert address.parent == Address("acme", "shop", "production")
    assert address.parent.level is Level.ENVIRONMENT
    assert address.parent.child("api") == address
    assert address.at(Level.PROJECT) == Address("acme", "shop")
    assert address.at(Level.SERVICE) == address


def test_within_compares_whole_parts() -> None:
    address = Address.parse("acme/shop/production")
    assert address.within(address)
    assert address.within(Address("acme"))
    assert not address.within(Address("acme", "sho"))
    assert not Address("acme").within(address)


def test_a_slug_that_is_sent_wins_over_the_name() -> None:
    assert chosen_slug("My App", "other") == "other"
    assert chosen_slug("My App") == "my-app"


@pytest.mark.parametrize(
    ("name", "wanted", "code"),
    [
        ("日本", "", "name_invalid"),
        ("api", "Not A Slug", "slug_invalid"),
        (UUID, "", "slug_invalid"),
        ("shop", UUID, "slug_invalid"),
        ("Settings", "", "slug_reserved"),
        ("shop", "cli-auth", "slug_reserved"),
        ("", "api", "name_invalid"),
    ],
)
def test_what_cannot_be_a_slug_is_refused_by_its_code(name: str, wanted: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        chosen_slug(name, wanted, level=Level.WORKSPACE)
    assert refused.value.code == code
    assert refused.value.extra


def test_a_word_is_reserved_only_at_the_level_where_it_would_shadow_a_path() -> None:
    assert chosen_slug("api", level=Level.SERVICE) == "api"
    assert chosen_slug("Settings", level=Level.ENVIRONMENT) == "settings"


@pytest.mark.parametrize("name", ["", "   ", "x" * (MAX_NAME + 1), "a/b", "..", "a\tb", "a\x00b", "a\u202eb"])
def test_what_cannot_be_shown_as_a_name_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_name(name)
    assert refused.value.extra == {"name": str(refused.value).removeprefix("the name ")}


@pytest.mark.parametrize("name", ["a", "x" * MAX_NAME, "日本", "it's fine, really!", "v1.2"])
def test_names_may_be_in_any_script(name: str) -> None:
    check_name(name)
