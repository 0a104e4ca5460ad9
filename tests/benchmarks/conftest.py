"""Benchmarks are run for real, on tiny sizes; what is asserted is the shape of what they save, never a time."""

import subprocess
import sys

import msgspec
import pytest

from benchmarks.report import Run


@pytest.fixture
def run_bench(tmp_path, snapshot):
    """Run a benchmark's quick form; return the report that it saved. The shipped rules are in the cache by then."""
    del snapshot

    def run(name, *options, turns=1):
        path = tmp_path / f"{name}.json"
        command = [sys.executable, "-m", "sidecar", "bench", name, "--quick", "--turns", str(turns)]
        # In a process of its own, as users do: what this one has imported (a part of Presidio) would change what is measured.
        done = subprocess.run(
            [*command, "--json", str(path), *options], capture_output=True, text=True, check=False, timeout=580
        )
        assert done.returncode == 0, done.stdout + done.stderr
        saved = msgspec.json.decode(path.read_bytes(), type=Run)
        [report] = saved.reports
        assert report.failures == ()
        assert {"cpu", "cores", "revision", "engine", "load"} <= saved.machine.keys()
        for chart in report.charts:
            assert (path.with_suffix("") / f"{name}-{chart.id}.png").stat().st_size > 1000
        return report

    return run


def measured(report, figure_id):
    """Return what a figure measured, by contender: ours first; each has positive values, one for each turn."""
    [figure] = [figure for figure in report.figures if figure.id == figure_id]
    for series in (figure.ours, *figure.twins):
        assert series.values
        if figure.unit != "%":
            assert min(series.values) > 0
    return [series.name for series in (figure.ours, *figure.twins)]
