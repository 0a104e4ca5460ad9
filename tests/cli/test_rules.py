"""`sidecar rules` as a person and as a program use it."""

import json

import pytest
from click.testing import CliRunner

from sidecar import config
from sidecar.cli.rules import rules
from tests.rules.test_lint import MANIFEST, RULE, TAGS


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "injection").mkdir()
    (tmp_path / "bundle.yaml").write_bytes(MANIFEST)
    (tmp_path / "TAGS.yaml").write_bytes(TAGS)
    (tmp_path / "injection" / "injection-sample.yaml").write_text(RULE)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(rules, [str(argument) for argument in arguments])


def test_lint_says_no_fault_and_exits_with_0(folder):
    """A bundle that keeps the rules."""
    ran = run("lint", "--rules", folder)

    assert (ran.exit_code, "no fault" in ran.output) == (0, True)


def test_lint_lists_faults_as_json_and_exits_with_1(folder):
    """Programs get path, line and message."""
    (folder / "injection" / "injection-sample.yaml").write_text(RULE.replace("Detects", "Finds"))
    ran = run("lint", "--rules", folder, "--json")

    assert ran.exit_code == 1
    assert [(f["path"], f["line"]) for f in json.loads(ran.stdout)] == [("injection/injection-sample.yaml", "5")]


def test_test_reports_failures_and_exits_with_1(folder):
    """A positive that is not found fails the run."""
    (folder / "injection" / "injection-sample.yaml").write_text(RULE.replace("please open sesame", "please"))
    ran = run("test", "--rules", folder, "--scanner", "re")

    assert ran.exit_code == 1
    assert "1 of 4 tests failed" in ran.output


def test_test_of_one_rule_runs_its_tests_only(folder):
    """The number of tests is that rule's."""
    ran = run("test", "injection-sample", "--rules", folder, "--json")

    assert (ran.exit_code, json.loads(ran.stdout)) == (0, {"tests": 4, "failed": []})


def test_explain_shows_the_way_to_the_verdict(folder):
    """Segment, view, keyword, span and verdict."""
    ran = run("explain", "injection-sample", "please open sesame", "--rules", folder)

    assert ran.exit_code == 0
    assert all(part in ran.output for part in ("request.user", "found 7:18", "sesame", "verdict"))


@pytest.mark.parametrize(
    "arguments", [("explain", "only one"), ("explain", "unknown-rule", "x"), ("test", "unknown-rule")]
)
def test_wrong_usage_exits_with_2(arguments):
    """A missing text, and a rule that does not exist."""
    assert run(*arguments).exit_code == 2


def test_new_writes_a_rule_that_passes(folder):
    """The template lints and passes its own tests."""
    made = run("new", "injection-mine", "--rules", folder)

    assert made.exit_code == 0, made.output
    assert run("lint", "--rules", folder).exit_code == 0
    assert run("test", "injection-mine", "--rules", folder).exit_code == 0


def test_the_shipped_folder_is_the_default():
    """Without --rules the bundle that ships is meant."""
    assert config.shipped_rules().name == "rules"
