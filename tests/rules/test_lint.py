"""Every house rule has a bundle that breaks it, and the fault says where."""

import pytest

from sidecar import config
from sidecar.rules.lint import lint

MANIFEST = b"""\
schema: 1
name: sample
version: 1.0.0
min_sidecar_version: 0.1.0
families: [injection]
defaults: {transforms: [casefold]}
"""
TAGS = b"tags: {'owasp:llm01-2025': Prompt injection}\n"
RULE = """\
schema: 1
id: injection-sample
version: 1
title: A sample
description: Detects a sample.
status: stable
severity: low
paranoia: 1
targets: [request.user]
match:
  any:
    - keywords: [sesame]
      regex: 'open\\s{1,9}sesame'
verdict: flag
tags: ['owasp:llm01-2025']
tests:
  positive:
    - {id: 1, desc: one, text: 'please open sesame'}
    - {id: 2, desc: two, text: 'now open  sesame, door'}
  negative:
    - {id: 3, desc: three, text: 'sesame seeds'}
    - {id: 4, desc: four, text: 'open the door'}
"""


def faults(old="", new="", path="injection/injection-sample.yaml"):
    assert not old or old in RULE
    return lint({"bundle.yaml": MANIFEST, "TAGS.yaml": TAGS, path: RULE.replace(old, new).encode()})


def test_lint_finds_nothing_in_a_rule_that_keeps_the_rules():
    """The sample that the other tests break is whole."""
    assert faults() == []


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("id: injection-sample", "id: injection-other", 2, "is not the file's name"),
        ("Detects a", "Finds a", 5, "does not begin with `Detects`"),
        ("severity: low\nparanoia: 1", "paranoia: 1\nseverity: low", 8, "`severity` stands after `paranoia`"),
        ("[sesame]", "[se]", 12, "shorter than 3"),
        (
            "request.user]\nmatch:\n  any:\n    - keywords: [sesame]\n      regex: 'open\\s{1,9}sesame'",
            "response.text]\nmatch:\n  any:\n    - keywords: [sesame]\n      also: [open]",
            13,
            "a stream cannot wait",
        ),
        ("[sesame]", "[Sesame]", 12, "never seen: views are case-folded"),
        ("    - keywords: [sesame]\n      regex", "    - regex", 12, "needs `keywords`"),
        ("[sesame]", "[open it]", 13, "can match without any of its keywords"),
        ("open\\s{1,9}", "open\\s+", 13, "no upper bound"),
        ("open\\s{1,9}", "(?<=x)open", 13, "look-around"),
        ("open\\s{1,9}", "(?:o{1,9}){1,9}o", 13, "catastrophic backtracking"),
        ("open\\s{1,9}", ".{0,9000}", 13, "characters wide"),
        ("open\\s{1,9}sesame", "(?:sesame)?", 13, "matches the empty text"),
        ("llm01-2025", "llm99-2025", 15, "is not in TAGS.yaml"),
        ("id: 4", "id: 7", 17, "number them 1..4"),
        ("    - {id: 4, desc: four, text: 'open the door'}\n", "", 21, "at least 2 negative tests"),
        ("'sesame seeds'", "'{random:runes:4}'", 21, "unknown alphabet `runes`"),
        ("desc: one, text", "desc: one, target: response.text, text", 18, "does not read `response.text`"),
        ("desc: one, text", "desc: one, target: nowhere, text", 18, "unknown target `nowhere`"),
    ],
)
def test_lint_names_place_and_fault(old, new, line, words):
    """Each broken house rule is reported at its line."""
    found = [fault for fault in faults(old, new) if words in fault]

    assert [f"injection/injection-sample.yaml:{line}"] == [":".join(fault.split(":", 2)[:2]) for fault in found]


def test_lint_refuses_nul_in_keyword_and_regex():
    """A NUL would truncate what Hyperscan compiles."""
    keyword = faults("[sesame]", '["ses\\0ame"]')
    regex = faults("'open\\s{1,9}sesame'", '"open\\0sesame"')

    assert any("NUL" in fault for fault in keyword)
    assert any("NUL" in fault for fault in regex)


def test_lint_reports_all_faults_at_once():
    """Faults of the schema and of the house rules come in one list, in order of lines."""
    broken = RULE.replace("Detects", "Finds").replace("id: 4", "id: 9").replace("llm01", "llm77")
    found = lint(
        {
            "bundle.yaml": MANIFEST,
            "TAGS.yaml": TAGS,
            "injection/injection-sample.yaml": broken.encode(),
            "injection/injection-odd.yaml": b"schema: 1\nnonsense: 2\n",
            "stray/stray-rule.yaml": RULE.encode(),
        }
    )

    assert [":".join(fault.split(":", 2)[:2]) for fault in found[:2]] == [
        "injection/injection-odd.yaml:2",
        "injection/injection-sample.yaml:5",
    ]
    assert len(found) == 5


def test_lint_refuses_a_rule_that_matches_everywhere():
    """More than one match in 16 bytes of a repeated letter is a flood."""
    found = faults("regex: 'open\\s{1,9}sesame'", "regex: '[a-z]'")

    assert any("matches 65536 times" in fault for fault in found)


def test_lint_refuses_twins():
    """Two rules that look for the same thing are one rule."""
    twin = RULE.replace("injection-sample", "injection-twin").encode()
    found = lint(
        {
            "bundle.yaml": MANIFEST,
            "TAGS.yaml": TAGS,
            "injection/injection-sample.yaml": RULE.encode(),
            "injection/injection-twin.yaml": twin,
        }
    )

    assert found == ["injection/injection-twin.yaml:12: the same keywords and regex stand in `injection-sample`"]


def test_lint_finds_nothing_in_the_shipped_bundle():
    """What ships keeps the house rules."""
    assert lint(config.read_folder(config.shipped_rules())) == []
