"""Which addresses and refs are taken, and which addresses mean the same repository."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.sources import (
    MAX_LOCATION,
    MAX_REF,
    check_github_name,
    check_location,
    check_ref,
    github_location,
    normalized_location,
)


@pytest.mark.parametrize(
    "location",
    [
        "https://github.com/owner/name.git",
        "http://git.example.com:8080/a/b",
        "http://127.0.0.1:3000/a/b",
        "https://10.0.0.1/a/b",
        "https://[2001:db8:0:0:0:0:0:1]/a/b",
        "ssh://git@example.com:22/a/b.git",
        "git://example.com/a",
        "git@github.com:owner/name.git",
        "example.com:name",
    ],
)
def test_clone_urls_are_taken_everywhere(location: str) -> None:
    check_location(location, local_files=False)
    check_location(location, local_files=True)


@pytest.mark.parametrize("location", ["/srv/git/name.git", "file:///srv/git/name.git", "FILE:///srv/git"])
def test_paths_are_taken_only_where_the_machines_files_may_be_read(location: str) -> None:
    check_location(location, local_files=True)
    with pytest.raises(Invalid, match="a path of the server's own machine"):
        check_location(location, local_files=False)


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("", "is not a clone URL"),
        ("name", "is not a clone URL"),
        ("./name", "is not a clone URL"),
        ("ext::sh -c id", "without spaces"),
        ("ext::sh", "a transport that runs commands"),
        ("fd::17", "a transport that runs commands"),
        ("--upload-pack=id", "must not begin with '-'"),
        ("-oProxyCommand=id:x", "must not begin with '-'"),
        ("ssh://-oProxyCommand=id/x", "names no host"),
        ("ssh://-oProxyCommand=id@host/x", "is not a clone URL"),
        ("ssh://%2DoProxyCommand=id/x", "is not a clone URL"),
        ("git@host:-x", "is not a clone URL"),
        ("https:///owner/name", "names no host"),
        ("https://example.com", "names no repository"),
        ("https://example.com/", "names no repository"),
        ("https://example.com:port/a", "is not a clone URL"),
        ("https://[::1/a", "a transport that runs commands"),
        ("https://user:word@example.com/a", "holds a password"),
        ("https://token@example.com/a", "holds a password"),
        ("ssh://git:word@example.com/a", "holds a password"),
        ("ftp://example.com/a", "the scheme 'ftp'"),
        ("http://169.254.169.254/latest/meta-data", "the server's own link"),
        ("http://169.254.169.254:80/a", "the server's own link"),
        ("http://2852039166/a", "the server's own link"),
        ("http://0xA9.0xFE.43518/a", "the server's own link"),
        ("git://0251.0376.0251.0376/a", "the server's own link"),
        ("https://[0:0:0:0:0:ffff:a9fe:a9fe]/a", "the server's own link"),
        ("https://[fe80:0:0:0:0:0:0:1]/a", "the server's own link"),
        ("https://[fd00:ec2:0:0:0:0:0:254]/a", "the server's own link"),
        ("https://example.com/a\nb", "printable"),
        ("https://example.com/a b", "without spaces"),
        (f"https://example.com/{'a' * MAX_LOCATION}", f"at most {MAX_LOCATION} characters"),
    ],
)
def test_what_could_run_leak_or_mean_nothing_is_refused(location: str, problem: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_location(location, local_files=True)
    assert caught.value.code == "repository_invalid"
    assert problem in caught.value.message
    assert "https://github.com/owner/name.git" in caught.value.hint


def test_the_hint_names_a_path_only_where_one_is_taken() -> None:
    hints = []
    for local_files in (True, False):
        with pytest.raises(Invalid) as caught:
            check_location("here/name", local_files=local_files)
        hints.append("a folder's whole path" in caught.value.hint)
    assert hints == [True, False]


@pytest.mark.parametrize("ref", ["main", "feature/x", "v1.2.3", "0" * 40, "a@b", "fix-#12", "refs/heads/main", "dependabot/npm/@x/y"])
def test_branches_tags_and_commits_are_refs(ref: str) -> None:
    check_ref(ref)


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "-x",
        "--upload-pack=id",
        "a b",
        "a..b",
        "a:b",
        "a^",
        "a~1",
        "a?",
        "a*",
        "a[b",
        "a\\b",
        "a@{1}",
        "a//b",
        "a/",
        "a.",
        "a.lock",
        "a\nb",
    ]
    + ["/a", "a" * (MAX_REF + 1)],
)
def test_what_could_be_more_than_a_ref_is_refused(ref: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_ref(ref)
    assert caught.value.code == "ref_invalid"


@pytest.mark.parametrize(
    "location",
    [
        "https://github.com/Owner/Name.git",
        "https://github.com/owner/name",
        "https://github.com/owner/name/",
        "http://github.com:80/owner/name.git/",
        "ssh://git@github.com/owner/name.git",
        "ssh://git@github.com:22/owner/name",
        "git@github.com:owner/name.git",
        "github.com:owner/name",
    ],
)
def test_all_ways_to_write_one_repository_are_equal(location: str) -> None:
    assert normalized_location(location) == "github.com/owner/name"


@pytest.mark.parametrize(("location", "normal"), [("/srv/git/Name.git", "/srv/git/name"), ("https://example.com", ""), ("", "")])
def test_paths_and_what_names_no_repository_normalize_too(location: str, normal: str) -> None:
    assert normalized_location(location) == normal


def test_a_github_name_becomes_a_clone_url() -> None:
    check_github_name("owner/name.js")
    assert github_location("owner/name.js") == "https://github.com/owner/name.js.git"


@pytest.mark.parametrize("name", ["", "owner", "owner/", "/name", "a/b/c", "a/..", "a b/c", "-a/b", "https://github.com/a/b"])
def test_what_is_not_owner_and_name_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="is not owner/name"):
        check_github_name(name)
