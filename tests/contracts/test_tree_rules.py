"""Which trees are taken for an image."""

from __future__ import annotations

import pytest

from chalicelib.adapters.embedded.git_problems import RepositoryProblem
from chalicelib.adapters.embedded.objects import EXECUTABLE, FILE, LINK, MODULE, TreeEntry
from chalicelib.adapters.embedded.tree_rules import MAX_BYTES, MAX_FILES, check_entries, check_links, leads_out

OID = "0" * 40


def entry(path: bytes, mode: str = FILE, size: int = 1) -> TreeEntry:
    return TreeEntry(mode, OID, size, path)


def problem_of(*entries: TreeEntry) -> RepositoryProblem:
    with pytest.raises(RepositoryProblem) as caught:
        check_entries(entries)
    return caught.value


def test_a_plain_tree_is_taken() -> None:
    check_entries([entry(b"a"), entry("grüße/ß".encode()), entry(b"bin/x", EXECUTABLE), entry(b"link", LINK), entry(b"a b")])
    check_entries([])


@pytest.mark.parametrize(
    ("bad", "part"),
    [
        (entry(b"lib", MODULE, 0), "'lib' is a submodule"),
        (entry(b"a\nb"), r"'a\nb' has a name with control characters"),
        (entry(b"a\x7f"), "control characters"),
        (entry("a\u0085b".encode()), "control characters"),
        (entry(b"a\xff"), r"'a\xff' has a name with control characters, or one that is not UTF-8"),
        (entry(rb"a\b" + b"\xff"), r"'a\b\xff'"),
        (entry(b"x" * 256), "too long for a disk"),
        (entry(b"y/" * 1500 + b"z"), "too long for a disk"),
        (entry(b"far", LINK, 3000), "'far' leads to a name that is too long"),
    ],
)
def test_an_entry_that_deceives_or_cannot_be_written_is_named(bad: TreeEntry, part: str) -> None:
    problem = problem_of(entry(b"a"), bad)
    assert problem.code == "tree_unsafe"
    assert part in problem.message
    assert problem.hint


def test_a_tree_that_is_too_large_names_its_largest_file() -> None:
    problem = problem_of(entry(b"small"), entry(b"data/huge.bin", size=MAX_BYTES))
    assert problem.code == "tree_too_large"
    assert "'data/huge.bin' alone" in problem.message
    check_entries([entry(b"huge", size=MAX_BYTES)])


def test_a_tree_of_too_many_files_is_refused() -> None:
    assert problem_of(*[entry(b"x")] * (MAX_FILES + 1)).code == "tree_too_large"


@pytest.mark.parametrize(
    ("links", "path", "out"),
    [
        ({"a": "b"}, "a", False),
        ({"a/b": "../c"}, "a/b", False),
        ({"a/b": "../../c"}, "a/b", True),
        ({"a": ".."}, "a", True),
        ({"a": "b/../.."}, "a", True),
        ({"a": "b/.."}, "a", False),
        ({"a": "/etc"}, "a", True),
        ({"a": "b", "b": "/etc"}, "a", True),
        ({"s/d": "..", "e": "s/d/x"}, "e", False),
        ({"s/d": "..", "e": "s/d/../x"}, "e", True),
        ({"a": "b", "b": "a"}, "a", True),
        ({"a": "a/b"}, "a", True),
        ({"a": "./b//c"}, "a", False),
    ],
)
def test_a_link_is_followed_as_the_system_follows_it(links: dict[str, str], path: str, out: bool) -> None:
    assert leads_out(path, links) is out


@pytest.mark.parametrize(
    ("target", "part"), [("/etc/passwd", "'/etc/passwd'"), ("../x", "'../x'"), ("", "cannot be"), ("a\0b", "cannot be")]
)
def test_a_link_that_leads_out_is_named_with_its_target(target: str, part: str) -> None:
    with pytest.raises(RepositoryProblem) as caught:
        check_links({"ok": "file", "way/out": f"../{target}" if target == "../x" else target})
    assert caught.value.code == "tree_unsafe"
    assert "'way/out'" in caught.value.message
    assert part in caught.value.message or "'../../x'" in caught.value.message
