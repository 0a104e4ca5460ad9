"""The gates in this process and in one of their own."""

import pytest

from sidecar.delivery.build import build, build_apart
from sidecar.errors import BundleError
from sidecar.settings import Options
from tests.delivery.parts import POLICY, bundle
from tests.rules.test_lint import RULE


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return str(path)


def test_build_gives_a_snapshot_of_a_good_bundle(policy):
    """Lint, compile, tests and differential pass."""
    assert build(bundle(), Options(policy=policy)).bundle.rule_set.version == "1.0.0"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("Detects", "Finds", "Detects"), ("sesame seeds", "open sesame", "left alone and is found")],
)
def test_both_ways_name_the_same_faults(policy, old, new, words):
    """The process apart reports what the one here does."""
    files = bundle(rule=RULE.replace(old, new))
    with pytest.raises(BundleError) as here:
        build(files, Options(policy=policy))
    with pytest.raises(BundleError) as apart:
        build_apart(files, policy, 60)

    assert here.value.faults == apart.value.faults
    assert words in here.value.faults[0]


def test_a_compiler_that_dies_is_a_fault(monkeypatch):
    """A process that ends without an answer has not let anything through."""
    monkeypatch.setattr("sidecar.delivery.build._python", lambda: ["false"])
    with pytest.raises(BundleError, match="the compiler ended with 1"):
        build_apart(bundle(), "default", 60)


def test_a_policy_that_cannot_be_read_is_a_fault(tmp_path):
    """The process apart says what is wrong with it."""
    with pytest.raises(BundleError, match="no such policy"):
        build_apart(bundle(), str(tmp_path / "none.yaml"), 60)
