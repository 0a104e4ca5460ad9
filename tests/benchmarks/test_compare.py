"""Two runs are compared by ratios to twins; only what passes the spread of the turns is called a change."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from benchmarks.compare import compare, differences_of
from benchmarks.report import Figure, Report, Run, Series, save


def run_of(*figures):
    """Return a run of one report."""
    return Run({"revision": "r", "cpu": "c", "load": "0"}, (Report("scan", "Scan", figures),))


def figure(ours, twin=(), *, id_="f", more=False):
    """Return a figure with one twin, or with none."""
    twins = (Series("twin", twin),) if twin else ()
    return Figure(id_, "q", "µs", Series("sidecar", ours), twins, more)


@pytest.mark.parametrize(
    ("before", "after", "mark"),
    [
        # The machine became twice as slow; we did not.
        (figure((10, 11), (20, 22)), figure((20, 22), (40, 44)), ""),
        (figure((10, 11), (20, 22)), figure((5, 5.5), (20, 22)), "better"),
        (figure((10, 11), (20, 22)), figure((20, 22), (20, 22)), "worse"),
        # Within the spread.
        (figure((10, 14), (20, 20)), figure((11, 15), (20, 20)), ""),
        # Without a twin the figure itself counts; more is better for rates.
        (figure((10, 11)), figure((20, 21)), "worse"),
        (figure((10, 11), more=True), figure((20, 21), more=True), "better"),
        # Less than three in a hundred is no change, however small the spread.
        (figure((100,)), figure((102,)), ""),
    ],
)
def test_changes_beyond_the_spread_are_marked(before, after, mark):
    """The ratio to the twin decides where there is one."""
    [difference] = differences_of(run_of(before), run_of(after))

    assert mark == difference.mark


@pytest.mark.parametrize(
    ("after", "code", "words"),
    [
        ([figure((10, 11), (20, 22))], 0, "1 figures: 0 better, 0 worse, 0 missing"),
        ([figure((30, 31), (20, 22))], 1, "0 better, 1 worse"),
        ([figure((10, 11), id_="g")], 2, "no figure in common"),
    ],
)
def test_the_exit_code_says_whether_anything_got_worse(tmp_path, after, code, words):
    """0 nothing worse, 1 something worse, 2 nothing to compare."""
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    save(run_of(figure((10, 11), (20, 22))), first)
    save(run_of(*after), second)

    done = CliRunner().invoke(compare, [str(first), str(second)])

    assert code == done.exit_code
    assert words in done.output


def test_the_command_line_hands_the_exit_code_on(tmp_path):
    """`sidecar bench compare` in a script fails where something got worse."""
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    save(run_of(figure((10, 11), (20, 22))), first)
    save(run_of(figure((30, 31), (20, 22))), second)

    command = [sys.executable, "-m", "sidecar", "bench", "compare", str(first), str(second)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (1, "")
    assert "0 better, 1 worse" in done.stdout


def test_a_figure_that_vanished_is_no_success(tmp_path):
    """What is no longer measured cannot have stayed the same."""
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    save(run_of(figure((10,)), figure((1,), id_="gone")), first)
    save(run_of(figure((10,))), second)

    done = CliRunner().invoke(compare, [str(first), str(second)])

    assert done.exit_code == 1
    assert "scan gone" in done.output


def test_a_file_of_something_else_is_refused(tmp_path):
    """Exit code 2, and the file is named."""
    path = tmp_path / "x.json"
    path.write_text('{"reports": 1}')

    done = CliRunner().invoke(compare, [str(path), str(path)])

    assert done.exit_code == 2
    assert "x.json holds no run" in done.output.replace("\n", " ")
