"""The notifier port: each notice is passed on once for its key, whoever asks and however often."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.notifier import FileNotifier
from chalicelib.domain.errors import Unavailable
from chalicelib.ports.notifier import Notice, Notifier

Passed = Callable[[], list[dict[str, str]]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made-when-needed" / "notices.jsonl"


@pytest.fixture
def notifier(path: Path) -> Notifier:
    return FileNotifier(path)


@pytest.fixture
def passed(path: Path) -> Passed:
    """What has been passed on so far."""
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]


def notice(key: str, text: str = "deploy 3 is active") -> Notice:
    return Notice(key=key, address="acme/shop/production/api", commit="4f2d" * 10, state="success", text=text)


def test_a_notice_is_passed_on_whole(notifier: Notifier, passed: Passed) -> None:
    notifier.announce(notice("a", 'line one\nline "two" ü\u2028'))
    assert passed() == [
        {
            "key": "a",
            "address": "acme/shop/production/api",
            "commit": "4f2d" * 10,
            "state": "success",
            "text": 'line one\nline "two" ü\u2028',
        }
    ]


def test_the_same_key_is_passed_on_once(notifier: Notifier, passed: Passed) -> None:
    for key in ("a", "b", "a", "b"):
        notifier.announce(notice(key))
    assert [line["key"] for line in passed()] == ["a", "b"]


def test_one_key_that_begins_like_another_is_another(notifier: Notifier, passed: Passed) -> None:
    for key in ("run/1", "run/11", "un/1"):
        notifier.announce(notice(key))
    assert len(passed()) == 3


def test_many_at_once_pass_a_key_on_once(notifier: Notifier, passed: Passed) -> None:
    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(notifier.announce, [notice(f"k{number % 4}") for number in range(16)]))
    assert sorted(line["key"] for line in passed()) == ["k0", "k1", "k2", "k3"]


# What only the file promises.


def test_a_key_is_remembered_over_a_restart(path: Path, passed: Passed) -> None:
    FileNotifier(path).announce(notice("a"))
    FileNotifier(path).announce(notice("a"))
    assert len(passed()) == 1


def test_half_a_line_of_a_writer_that_died_is_taken_back(path: Path, passed: Passed) -> None:
    FileNotifier(path).announce(notice("a"))
    with path.open("ab") as file:
        file.write(b'{"key": "b", "addr')
    FileNotifier(path).announce(notice("b"))
    assert [line["key"] for line in passed()] == ["a", "b"]


def test_a_file_that_cannot_be_written_is_asked_for_again_later(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unavailable, match="'a' could not be written") as caught:
        FileNotifier(tmp_path / "file" / "notices.jsonl").announce(notice("a"))
    assert caught.value.code == "notice_unwritten"
