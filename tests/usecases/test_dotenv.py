"""The text of a .env file."""

from __future__ import annotations

import pytest

from chalicelib.usecases.dotenv import BadLine, Setting, parse_dotenv


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        ("  A = 1  ", "1"),
        ("export A=1", "1"),
        ("A=", ""),
        ("A=a b # comment", "a b"),
        ("A=a#b", "a#b"),
        ("A=# comment", ""),
        ("A=b=c", "b=c"),
        ("A='a b # c'", "a b # c"),
        ("A='a\\nb'", "a\\nb"),
        ('A="a\\nb"', "a\nb"),
        ('A="say \\"hi\\""', 'say "hi"'),
        ('A="a\\\\"', "a\\"),
        ('A="\\d"', "\\d"),
        ('A="a" # comment', "a"),
        ('A="first\nsecond"', "first\nsecond"),
        ("A='first\nsecond'", "first\nsecond"),
        ("\ufeffA=1", "1"),
        ("A=1\r", "1"),
    ],
)
def test_a_line_is_read(line: str, value: str) -> None:
    assert parse_dotenv(line) == [Setting("A", value)]


@pytest.mark.parametrize("text", ["", "\n\n", "# comment", "  # comment"])
def test_nothing_is_read_from_nothing(text: str) -> None:
    assert parse_dotenv(text) == []


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("no line", BadLine("line 1", "is not NAME=value")),
        ("=1", BadLine("line 1", "is not NAME=value")),
        ('A="open', BadLine("A", 'the quote " is never closed')),
        ("A='a' b", BadLine("A", "there is something behind the closing '")),
    ],
)
def test_a_bad_line_is_named_and_its_value_is_not(line: str, bad: BadLine) -> None:
    assert parse_dotenv(line) == [bad]


def test_the_lines_after_a_bad_one_are_read() -> None:
    assert parse_dotenv("A='open\nB=2\n\nC=3") == [BadLine("A", "the quote ' is never closed"), Setting("B", "2"), Setting("C", "3")]


def test_a_value_does_not_show_when_it_is_printed() -> None:
    assert "hunter2" not in repr(parse_dotenv("A=hunter2"))
