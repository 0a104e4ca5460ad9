"""The results page is made from a run, shows failures as such, and says at each figure whether its goal is reached."""

from click.testing import CliRunner

from benchmarks import results as module
from benchmarks.report import Chart, Failure, Figure, Goal, Line, Report, Run, Series, save
from benchmarks.results import page_of, results

MACHINE = {"cpu": "a processor", "cores": "4", "revision": "abc"}
FIGURE = Figure(
    "f",
    "a question",
    "µs",
    Series("sidecar", (10, 12, 11)),
    (Series("a peer", (1100, 1200, 1300)),),
    goals=(Goal("speed", 100, "a peer"), Goal("value", 1)),
)
CHART = Chart("curve", "A curve", "rules", "µs", (Line("sidecar", ((10, 1), (100, 2))),), log_x=True)


def test_the_page_says_whether_each_goal_is_reached():
    """One row for each goal, with what was measured and what is asked for."""
    page = page_of(Run(MACHINE, (Report("scan", "Scanning", (FIGURE,), (CHART,), ("A note.",)),)))

    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if "scan: a q" in line]
    assert rows == [
        ["scan: a question", "109x", "≥ 100x a peer", "reached"],
        ["scan: a question", "11.0 µs", "≤ 1.00 µs", "**missed**"],
    ]
    assert "1 of 2 goals reached" in page
    assert "![A curve](results/scan-curve.svg)" in page
    assert "A note." in page


def test_a_part_that_failed_is_on_the_page_and_in_the_exit_status(tmp_path):
    """The rest of the run is shown."""
    failed = Report("check", "Checking", (), failures=(Failure("latency", "TimeoutError: late"),))
    save(Run(MACHINE, (Report("scan", "Scanning", (FIGURE,), (CHART,)), failed)), tmp_path / "run.json")

    done = CliRunner().invoke(results, ["--from", str(tmp_path / "run.json"), "--folder", str(tmp_path)])

    assert done.exit_code == 1
    page = (tmp_path / "RESULTS.md").read_text()
    assert "- **failed**: check, latency: TimeoutError: late" in page
    assert "## Scanning" in page
    assert (tmp_path / "results" / "scan-curve.svg").read_bytes().startswith(b"<?xml")


def test_a_scenario_that_cannot_run_is_a_failure_among_the_others(tmp_path, monkeypatch):
    """Wrong usage, such as a missing load generator, too: nothing ends the whole run half-way."""

    def broken(book, effort):
        raise RuntimeError("broken")

    monkeypatch.setattr(module.importlib, "import_module", lambda name: _Module(broken))

    done = CliRunner().invoke(results, ["--quick", "--only", "scan", "--only", "check", "--folder", str(tmp_path)])

    assert done.exit_code == 1
    page = (tmp_path / "RESULTS.md").read_text()
    assert page.count("- **failed**: scan, scan: RuntimeError: broken") == 2


class _Module:
    def __init__(self, measure):
        self.SCENARIO = module.Scenario("scan", "Scanning", measure)


def test_the_same_run_gives_the_same_files(tmp_path):
    """So that a commit shows what changed and nothing else."""
    save(Run(MACHINE, (Report("scan", "Scanning", (FIGURE,), (CHART,)),)), tmp_path / "run.json")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        CliRunner().invoke(results, ["--from", str(tmp_path / "run.json"), "--folder", str(tmp_path / folder)])

    for name in ("RESULTS.md", "results/scan-curve.svg"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
