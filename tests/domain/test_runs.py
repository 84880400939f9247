"""Runs: where each kind begins, and when it gives way."""

from __future__ import annotations

import pytest

from chalicelib.domain.builds import fingerprint
from chalicelib.domain.failures import Failure
from chalicelib.domain.hierarchy import count_of
from chalicelib.domain.runs import STRENGTHS, Request, RunKind, Stage, Strength, first_stage
from tests.domain.records import a_run

WITHOUT_A_LANE = {RunKind.BUILD_ONLY, RunKind.TEARDOWN_TREE}


@pytest.mark.parametrize(
    ("kind", "stage"),
    [
        (RunKind.DEPLOY, Stage.RESOLVE),
        (RunKind.BUILD_ONLY, Stage.RESOLVE),
        (RunKind.CONFIG_ONLY, Stage.SNAPSHOT),
        (RunKind.ROLLBACK, Stage.SNAPSHOT),
        (RunKind.PROMOTION, Stage.SNAPSHOT),
        (RunKind.SCALE, Stage.ANCHOR),
        (RunKind.TEARDOWN, Stage.TAKE_DOWN),
        (RunKind.TEARDOWN_TREE, Stage.FAN_OUT),
    ],
)
def test_each_kind_begins_where_its_work_begins(kind: RunKind, stage: Stage) -> None:
    assert first_stage(Request(kind=kind, by="maria")) is stage


def test_a_deploy_of_an_earlier_build_skips_building() -> None:
    assert first_stage(Request(kind=RunKind.DEPLOY, by="maria", build=2)) is Stage.SNAPSHOT
    assert not a_run(of_build=2).builds_itself
    assert a_run().builds_itself


def test_strengths_rise_from_scale_to_teardown() -> None:
    assert Strength.SCALE < Strength.CONFIG_ONLY < Strength.CODE < Strength.TEARDOWN
    assert STRENGTHS[RunKind.ROLLBACK] is STRENGTHS[RunKind.PROMOTION] is STRENGTHS[RunKind.DEPLOY]
    assert set(STRENGTHS) == set(RunKind) - WITHOUT_A_LANE


def test_a_run_gives_way_only_while_it_still_builds() -> None:
    giving = {stage for stage in Stage if a_run(stage=stage).gives_way}
    assert giving == {Stage.WAITING, Stage.RESOLVE, Stage.REUSE, Stage.BUILD, Stage.WATCH_BUILD}


def test_facts_are_added_and_none_is_lost() -> None:
    assert a_run().noting(a=1).noting(b="x", a=2).facts == {"a": "2", "b": "x"}


def test_a_failures_detail_has_one_thing_a_line() -> None:
    failure = Failure(code="c", message="it broke", hint="mend it", evidence=("line 1", "line 2"))
    assert failure.detail == "it broke\nline 1\nline 2\nhint: mend it"
    assert Failure(code="c", message="it broke").detail == "it broke"


def test_counts_that_were_not_set_are_one_and_zero_is_a_count() -> None:
    assert (count_of({}, "web"), count_of({"web": 0}, "web"), count_of({"web": 3}, "web")) == (1, 0, 3)


def test_a_fingerprint_stands_for_all_that_decides_the_image() -> None:
    base = {"commit": "c", "dockerfile": "d", "procfile": "p", "strategy": "s"}
    arguments = {"A": "1", "B": "2"}
    same = fingerprint(**base, arguments=dict(reversed(arguments.items())))
    assert fingerprint(**base, arguments=arguments) == same
    others = [fingerprint(**{**base, name: "other"}, arguments=arguments) for name in base]
    others.append(fingerprint(**base, arguments={"A": "1"}))
    assert len({same, *others}) == len(base) + 2
