"""Engines are looked at beside each other, and none for longer than it is given."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from chalicelib.doctor.examinations import Examination, examine
from chalicelib.doctor.findings import Finding, Trouble, Verdict, ok
from chalicelib.domain.errors import Unavailable


def good() -> Iterator[Finding]:
    yield ok("reached", "here")


def away() -> Iterator[Finding]:
    yield ok("reached", "here")
    raise Trouble("login", "is refused", "renew it")


def unavailable() -> Iterator[Finding]:
    yield from ()
    raise Unavailable("the cluster does not answer", hint="look at it")


def test_an_engine_that_hangs_is_cut_off_and_what_it_said_before_counts() -> None:
    release = threading.Event()

    def hangs() -> Iterator[Finding]:
        yield ok("reached", "here")
        release.wait(30)

    began = time.monotonic()
    hung, other = examine([Examination("hangs", hangs), Examination("good", good)], seconds=0.3)
    assert time.monotonic() - began < 2
    release.set()
    assert [(finding.check, finding.verdict) for finding in hung.findings] == [("reached", Verdict.OK), ("time", Verdict.FAILED)]
    assert "0.3 s" in hung.findings[1].seen
    assert [finding.verdict for finding in other.findings] == [Verdict.OK]


def test_they_are_looked_at_at_the_same_time() -> None:
    meet = threading.Barrier(3)

    def meets() -> Iterator[Finding]:
        meet.wait(5)
        yield ok("met", "all")

    assert [one.findings[0].check for one in examine([Examination(str(n), meets) for n in range(3)])] == ["met"] * 3


def test_trouble_ends_one_examination_and_no_other() -> None:
    troubled, refused, fine = examine([Examination("away", away), Examination("unavailable", unavailable), Examination("good", good)])
    assert [finding.check for finding in troubled.findings] == ["reached", "login"]
    assert (troubled.findings[1].verdict, troubled.findings[1].hint) == (Verdict.FAILED, "renew it")
    assert [(one.check, one.seen, one.hint) for one in refused.findings] == [("reached", "the cluster does not answer", "look at it")]
    assert [finding.verdict for finding in fine.findings] == [Verdict.OK]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_of_the_doctors_own_is_no_clean_bill() -> None:
    def breaks() -> Iterator[Finding]:
        yield ok("reached", "here")
        raise RuntimeError

    (found,) = examine([Examination("breaks", breaks)])
    assert [finding.verdict for finding in found.findings] == [Verdict.OK, Verdict.FAILED]
