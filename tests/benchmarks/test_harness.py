"""The harness: turns, books that survive failures, servers that say why they did not start, pictures, machines."""

import time

import pytest

from benchmarks.book import Book, Effort
from benchmarks.latency import new_histogram
from benchmarks.machine import describe_machine
from benchmarks.plots import draw
from benchmarks.report import Chart, Line
from benchmarks.rule_sets import rules_of, snapshot_of
from benchmarks.servers import StartError, free_port, started
from benchmarks.texts import clean
from benchmarks.timing import in_turns
from benchmarks.turns import latency_chart, percentiles, rates_in_turns


def test_functions_are_timed_in_turns():
    """A value a turn for each, and what does more takes longer."""
    found = in_turns({"one": lambda: sum(range(10)), "many": lambda: sum(range(10_000))}, 3, seconds=0.002)

    assert list(found) == ["one", "many"]
    assert [len(series.values) for series in found.values()] == [3, 3]
    assert found["one"].middle < found["many"].middle


def test_sleeping_is_no_processor_time():
    """What other processes take from us, or we wait for, does not count."""
    [series] = in_turns({"sleep": lambda: time.sleep(0.002) or sum(range(2000))}, 1, seconds=0.001, rounds=1).values()

    assert series.middle < 2000


def test_loads_take_turns_after_a_warm_up_of_all():
    """Everybody warms up before anybody is measured, and then they alternate."""
    seen = []

    def load(name):
        return lambda warm_up: seen.append((name, warm_up)) or float(len(seen))

    found = rates_in_turns({"a": load("a"), "b": load("b")}, 2)

    assert seen == [("a", True), ("b", True), ("a", False), ("b", False), ("a", False), ("b", False)]
    assert found["a"].values == (3.0, 5.0)


def test_a_part_that_fails_is_written_down_and_the_rest_goes_on():
    """No part takes the others with it."""
    book = Book("scan", "Scan")
    with book.part("first"):
        raise ValueError("why")
    with book.part("second"):
        book.note("it went on")

    report = book.close()

    assert [(failure.part, failure.error) for failure in report.failures] == [("first", "ValueError: why")]
    assert report.notes == ("it went on",)


def test_a_server_that_does_not_start_says_why():
    """The last of its standard error is in the message."""
    address = f"127.0.0.1:{free_port()}"

    with (
        pytest.raises(StartError, match=r"sidecar: ended with 78; it said: .*no such policy"),
        started("sidecar", "serve", "--listen", address, "--policy", "nonesuch", address=address),
    ):
        pass


def test_the_machine_is_described():
    """What figures depend on is in every file, the revision of the code first of all."""
    described = describe_machine()

    assert {"date", "revision", "cpu", "cores", "memory", "load", "kernel", "python", "engine"} <= described.keys()
    assert all(described.values())


def test_effort_picks_the_quick_or_the_full_value():
    """One place decides."""
    assert Effort(quick=True).pick(100, 1) == 1
    assert Effort().pick(100, 1) == 100


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_charts_are_drawn_on_any_axes(tmp_path, suffix):
    """Percentiles, logarithms, bytes, one point, none."""
    lines = (Line("sidecar", ((100, 1), (1024, 20))), Line("other", ((100, 2),)))
    for number, chart in enumerate(
        (
            Chart("a", "A", "length, bytes", "ms", lines, log_x=True, log_y=True),
            Chart("b", "B", "workers", "calls", lines),
            latency_chart("c", "C", {"sidecar": [new_histogram(range(1, 5000))]}),
            Chart("d", "D", "rules", "ms", (Line("sidecar", ()),), log_x=True),
        )
    ):
        assert draw(chart, tmp_path / f"{number}.{suffix}").stat().st_size > 1000


def test_percentiles_are_a_value_a_turn():
    """In milliseconds."""
    series = percentiles("x", [new_histogram([1000] * 10), new_histogram([2000] * 10)], 50)

    assert [round(value, 2) for value in series.values] == [1.0, 2.0]


def test_made_up_rules_find_what_they_are_for_and_nothing_in_clean_text():
    """A rule set that finds nothing, or everything, would cost something else."""
    check = snapshot_of(50).filter()
    keyword = rules_of(50)[7].patterns[0].keywords[0]
    third = rules_of(50)[7].patterns[0].regex.pattern.rpartition(r"\b")[0].rpartition(r"\b")[2].removesuffix("s?")

    hit = check.check_text(f"Before {keyword} and then {third} after.").decision

    assert "injection-made-up-7" in [finding.rule for finding in hit.findings]
    assert check.check_text(clean(4096)).decision.findings == ()
