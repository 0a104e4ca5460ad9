"""A rule that was just begun passes lint but for what must be filled in."""

import pytest

from sidecar.errors import BundleError
from sidecar.rules.lint import lint
from sidecar.rules.template import new_rule
from tests.rules.test_lint import MANIFEST, RULE, TAGS

FILES = {"bundle.yaml": MANIFEST, "TAGS.yaml": TAGS, "injection/injection-sample.yaml": RULE.encode()}


def test_new_rule_is_a_rule_that_lints():
    """The template fits the schema and keeps the house rules."""
    path, content = new_rule("injection-mine", FILES)

    assert path == "injection/injection-mine.yaml"
    assert lint({**FILES, path: content}) == []


@pytest.mark.parametrize("rule_id", ["nothing-known", "injection-sample"])
def test_new_rule_refuses_unknown_families_and_taken_ids(rule_id):
    """The message says which families there are, or that the rule exists."""
    with pytest.raises(BundleError, match=r"begins with no family|the rule exists"):
        new_rule(rule_id, FILES)
