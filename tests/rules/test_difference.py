"""What changed between bundles."""

from sidecar.model import Decision, Verdict
from sidecar.rules.bundle import read_bundle
from sidecar.rules.difference import Change, VerdictChange, changes, verdict_changes
from tests.rules.test_lint import RULE
from tests.rules.test_shipping import FILES

PATH = "injection/injection-sample.yaml"
TWIN = {"injection/injection-twin.yaml": RULE.replace("injection-sample", "injection-twin").encode()}


def test_changes_names_added_and_removed_rules():
    """By id, in both directions."""
    less, more = read_bundle(FILES), read_bundle({**FILES, **TWIN})

    assert [Change("injection-twin", "added")] == changes(less, more)
    assert [Change("injection-twin", "removed")] == changes(more, less)


def test_a_stable_rule_that_changed_needs_a_higher_version():
    """A change of meaning without one is a fault; a better title is not."""
    before = read_bundle(FILES)
    meant = read_bundle({**FILES, PATH: RULE.replace("verdict: flag", "verdict: block").encode()})
    raised = read_bundle(
        {**FILES, PATH: RULE.replace("verdict: flag", "verdict: block").replace("version: 1", "version: 2").encode()}
    )
    worded = read_bundle({**FILES, PATH: RULE.replace("A sample", "The sample").encode()})

    assert "without a higher version" in changes(before, meant)[0].fault
    assert [change.fields for change in changes(before, raised) if not change.fault] == [("version", "verdict")]
    assert [Change("injection-sample", "changed", ("title",))] == changes(before, worded)


def test_verdict_changes_names_the_texts_by_id_only():
    """What differs is reported, what agrees is not, and no text is quoted."""
    texts = [("1", "a", "request.user"), ("2", "bb", "request.user")]
    found = verdict_changes(
        texts,
        lambda *_: Decision(Verdict.ALLOW),
        lambda text, _: Decision(Verdict.BLOCK if len(text) > 1 else Verdict.ALLOW),
    )

    assert [VerdictChange("2", "allow", "block", ())] == list(found)
