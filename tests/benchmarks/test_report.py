"""Figures know their ratios, goals and spread; runs survive a round over the disk."""

import pytest

from benchmarks.report import Failure, Figure, Goal, Report, Run, Series, load, save
from benchmarks.show import number, rows, spread, times, verdict

TIME = Figure("t", "a time", "µs", Series("ours", (10, 12, 11)), (Series("peer", (1100, 1300, 1200)),))
RATE = Figure("r", "a rate", "calls/s", Series("ours", (80, 100, 90)), (Series("no-op", (100, 200, 150)),), True)


def test_speed_is_how_many_times_as_good():
    """Less is better for times, more for rates; two is twice as good in both."""
    assert pytest.approx(1200 / 11) == TIME.speed(TIME.twins[0])
    assert pytest.approx(0.6) == RATE.speed(RATE.twins[0])


def test_speed_range_pairs_the_turns():
    """Contenders alternate, so the turns of one meet the noise of the other's."""
    assert RATE.speed_range(RATE.twins[0]) == (0.5, 0.8)


@pytest.mark.parametrize(
    ("figure", "goal", "expected"),
    [
        (TIME, Goal("speed", 100, "peer"), (True, 1200 / 11)),
        (TIME, Goal("speed", 110, "peer"), (False, 1200 / 11)),
        (TIME, Goal("value", 11), (True, 11)),
        (TIME, Goal("value", 10.9), (False, 11)),
        (RATE, Goal("value", 90), (True, 90)),
        (RATE, Goal("value", 91), (False, 90)),
        (RATE, Goal("added", 0, "no-op"), (True, -60)),
        (TIME, Goal("added", -1190, "peer"), (False, -1189)),
    ],
)
def test_goals_are_reached_or_missed(figure, goal, expected):
    """A goal is about the speed against a twin, about our own figure, or about what is added to a twin's."""
    good, value = figure.reached(goal)

    assert expected == (good, pytest.approx(value))


def test_a_goal_against_nobody_is_an_error():
    """A twin that was not measured is never taken for a goal reached."""
    with pytest.raises(KeyError):
        TIME.reached(Goal("speed", 1, "nobody"))


def test_rows_say_the_verdict_beside_the_twin_it_is_about():
    """The goal about our own figure stands in our row, the one about a twin in the twin's."""
    figure = Figure("f", "q", "ms", TIME.ours, TIME.twins, goals=(Goal("value", 11), Goal("speed", 200, "peer")))
    ours, twin = rows(figure)

    assert (ours[0], ours[1][-1]) == (True, "reached: 11.0 of ≤ 11.0 ms")
    assert (twin[0], twin[1][-1]) == (False, "missed: 109x of ≥ 200x")
    assert twin[1][4] == "109x"


def test_figures_are_written_with_three_digits():
    """Enough to compare, not more than means something."""
    assert [number(value) for value in (0.123, 12.34, 1234.6)] == ["0.12", "12.3", "1,235"]
    assert [times(value) for value in (0.5, 12.34, 120.4)] == ["0.50x", "12.3x", "120x"]
    assert spread(TIME.ours) == "10.0 … 12.0"
    assert spread(Series("one turn", (1.0,))) == ""
    assert verdict(RATE, Goal("added", -70, "no-op")) == "missed: added -60.0 of ≤ -70.0 calls/s"


def test_a_run_survives_the_disk(tmp_path):
    """What is saved is what is loaded, and a failure makes a run incomplete."""
    run = Run({"cpu": "one"}, (Report("scan", "Scan", (TIME, RATE), failures=(Failure("part", "why"),)),))
    save(run, tmp_path / "deep" / "run.json")

    assert run == load(tmp_path / "deep" / "run.json")
    assert not run.complete
