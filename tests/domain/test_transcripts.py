"""Logs as followers are shown them."""

from __future__ import annotations

import json

import pytest

from chalicelib.domain.transcripts import CUT, MAX_SHOWN, shown_text


def test_a_log_without_a_byte_is_an_empty_text() -> None:
    assert shown_text(b"", ended=False) == ""


def test_a_character_that_is_not_complete_yet_is_held_back() -> None:
    whole = "naïve".encode()
    assert shown_text(whole[:3], ended=False) == "na"
    assert shown_text(whole, ended=False) == "naïve"


def test_once_the_log_has_ended_nothing_is_held_back() -> None:
    assert shown_text("na\u00ef".encode()[:3], ended=True) == "na\ufffd"


def test_bytes_that_are_no_text_are_replaced_and_what_follows_is_kept() -> None:
    assert shown_text(b"a\xffb", ended=False) == "a\ufffdb"


def test_every_text_shown_begins_with_the_one_shown_before() -> None:
    log = "grün \U0001f680 ".encode() + b"\xff\xfe ok\n"
    shown = [shown_text(log[:length], ended=False) for length in range(len(log) + 1)]
    assert all(later.startswith(earlier) for earlier, later in zip(shown, shown[1:], strict=False))


def test_a_very_long_log_is_cut_with_a_line_that_says_so_and_stays_as_it_is() -> None:
    log = "é".encode() * (MAX_SHOWN // 2) + b"x"
    shown = shown_text(log, ended=False)
    assert shown.endswith(CUT)
    assert shown_text(log + b"more", ended=True) == shown


def test_a_cut_never_goes_through_a_character() -> None:
    log = b"x" + "é".encode() * (MAX_SHOWN // 2 + 1)
    assert "\ufffd" not in shown_text(log, ended=True)


@pytest.mark.parametrize("line", [b"y\n", b"\0", b"\xff", b"\x1b[0m", "\u00e9".encode(), b"plain text "])
def test_a_reply_stays_small_enough_whatever_the_log_holds(line: bytes) -> None:
    log = line * (2 * MAX_SHOWN // len(line))
    shown = shown_text(log, ended=True)
    assert len(json.dumps(shown, ensure_ascii=False).encode()) <= MAX_SHOWN + 100
    assert shown.endswith(CUT)
    earlier = shown_text(log[: MAX_SHOWN // 8], ended=False)
    assert shown.startswith(earlier)
