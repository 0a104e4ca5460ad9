"""The shipped rules pass their own tests on both engines, and a rule that does not is named."""

import pytest

from sidecar import config
from sidecar.app import compile_snapshot, load_snapshot
from sidecar.rules.bundle import read_bundle
from sidecar.rules.policy import read_policy
from sidecar.rules.selftest import lane_of_everything, run_tests
from sidecar.settings import Options
from tests.rules.test_lint import MANIFEST, RULE, TAGS


def failures(snapshot):
    lane = lane_of_everything(snapshot.table, snapshot.bundle.manifest.families)
    return [str(outcome) for outcome in run_tests(snapshot.bundle, snapshot.engine, lane) if not outcome.passed]


@pytest.mark.parametrize("scanner", ["hyperscan", "re"])
def test_shipped_rules_pass_their_own_tests(scanner):
    """Every rule, every own test, by the fast engine and by the oracle."""
    assert failures(load_snapshot(Options(scanner=scanner))) == []


def test_run_tests_names_rule_case_and_place_when_a_rule_is_wrong():
    """A positive that is not found and a negative that is are both reported, without the sample's text."""
    wrong = RULE.replace("please open sesame", "please shut up").replace("sesame seeds", "open sesame")
    files = {"bundle.yaml": MANIFEST, "TAGS.yaml": TAGS, "injection/injection-sample.yaml": wrong.encode()}
    policy = read_policy(*config.find_policy("default"))
    found = failures(compile_snapshot(read_bundle(files), policy, scanner="re"))

    assert found == [
        "injection/injection-sample.yaml:18: injection-sample test 1 (one): should be found and is not",
        "injection/injection-sample.yaml:21: injection-sample test 3 (three): should be left alone and is found",
    ]
