"""How figures are counted and shown."""

from __future__ import annotations

import pytest

from tests.bench.deploys import Pairs, timeline
from tests.bench.figures import Figure, percentile, spread, table


@pytest.mark.parametrize(("percent", "expected"), [(50, 3), (95, 5), (100, 5), (1, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([5, 1, 3, 2, 4], percent) == expected


def test_nothing_measured_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 50)


def test_a_figure_is_held_against_its_goal() -> None:
    reached, missed, reported = (Figure(name="n", measured=value, unit="s", goal=goal) for value, goal in ((1, 1), (2, 1), (2, None)))
    assert (reached.ok, missed.ok, reported.ok) == (True, False, None)


def test_the_table_shows_goal_measured_and_verdict() -> None:
    figures = [*spread("read", [1.0, 2.0, 30.0], "ms", p50=5, p95=15), Figure(name="all", measured=123.4, unit="s")]
    assert table(figures).splitlines() == [
        "figure         goal  measured  ok",
        "---------------------------------",
        "read, p50   <= 5 ms      2 ms  yes",
        "read, p95  <= 15 ms     30 ms  NO",
        "all                     123 s",
    ]


def test_the_bare_deploy_is_subtracted_from_its_own_pair() -> None:
    assert Pairs(totals=[3.0, 5.0], bare=[1.0, 4.0]).overheads == [2.0, 1.0]


def test_a_timeline_is_the_mean_stay_at_each_stage() -> None:
    def run(second: int) -> dict[str, object]:
        moment = "2025-01-01T00:00:{:02}Z".format
        stages = [{"stage": "resolve", "since": moment(1)}, {"stage": "build", "since": moment(second)}]
        return {"accepted": moment(0), "stages": stages, "finished": moment(9)}

    assert timeline([run(2), run(4)]) == {"accepted": 1, "resolve": 2, "build": 6}
