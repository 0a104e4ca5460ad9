"""What a regular expression may cost and what it needs."""

import re

import pytest

from sidecar.rules.regexes import WORK_LIMIT, foreign_parts, implies, parse, width, work


@pytest.mark.parametrize(
    "expression",
    [
        r"(a+)+b",
        r"(\w+\s?)+x",
        r"(a|a)*b",
        r"(?:a{1,9}){1,9}b",
        r".*foo",
        r"(?:ab|a|b){0,80}c",
        r"(x*)*",
        r"\w+\w+\d+z",
        r"open(\s{1,9}){1,30}sesame",
        r"a(\s{1,9}\s{1,9}\s{1,9}|x){1,9}b",
        r"a(?:b|\s{1,9}){1,30}c",
    ],
)
def test_work_is_beyond_the_limit_for_catastrophic_shapes(expression):
    """Nested quantifiers, adjacent ones that overlap, and alternatives that begin alike are refused."""
    assert work(parse(expression)) > WORK_LIMIT


@pytest.mark.parametrize(
    "expression",
    [
        r"\bignore\b(?:\s{1,8}\w{1,20}){0,4}\s{1,8}prior",
        r"foo.{0,60}bar",
        r"[a-z]{3,20}\d{1,4}",
        r"abc",
        r"a(?:no\s{1,4}|all\s{1,4}){0,5}b",
    ],
)
def test_work_is_small_for_bounded_shapes(expression):
    """Bounded gaps, and repetitions that the next character settles, cost little."""
    assert work(parse(expression)) <= 100


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        (r"a(?=b)", "look-around"),
        (r"(?<!a)b", "look-around"),
        (r"(a)\1", "a back-reference"),
        (r"(?>ab)c", "an atomic group"),
        (r"a++b", "a possessive quantifier"),
        (r"(a)?(?(1)b|c)", "a conditional group"),
    ],
)
def test_foreign_parts_names_what_hyperscan_refuses(expression, part):
    """Each construct outside the common subset has its name."""
    assert [part] == foreign_parts(parse(expression))


def test_foreign_parts_is_empty_for_the_common_subset():
    """Groups, classes, bounded quantifiers and anchors are shared by both engines."""
    assert foreign_parts(parse(r"^\b(?P<secret>[a-f\d]{3,9})(?:x|yy)?$")) == []


@pytest.mark.parametrize(
    ("expression", "keywords", "expected"),
    [
        (r"ign(?:ore|oring)\s{1,9}\w{1,9}", ["ignor"], True),
        (r"(?:ignore|forget)\b.{0,9}rules?", ["ignore", "forget"], True),
        (r"(?:ignore|forget)\b.{0,9}rules?", ["ignore"], False),
        (r"(?:ignore|forget)\b.{0,9}rules?", ["rule"], True),
        (r"(?:a\w{1,9}|b)token", ["token"], True),
        (r"(?:token)?abc", ["token"], False),
        (r"x[yz]w", ["xy", "xz"], True),
        (r"(?:foo\d|bar\d\dfoo)", ["foo"], True),
    ],
)
def test_implies_when_every_match_holds_a_keyword(expression, keywords, expected):
    """A keyword is implied by literals, by all branches, or by every member of a small class."""
    assert expected is implies(parse(expression), keywords, caseless=True)


def test_implies_minds_letter_case_where_the_rule_does():
    """A case-sensitive keyword is not implied by another case."""
    assert not implies(parse("AKIA[A-Z]{4}"), ["akia"], caseless=False)


def test_width_is_none_without_bound():
    """The widest match is known or there is none."""
    assert (width(r"a{2,5}b?"), width(r"a+")) == ((2, 6), (1, None))


def test_work_bounds_what_the_engine_does():
    """A shape that is allowed stays fast on its worst text (the twin: Python's own engine)."""
    allowed = r"foo(?:\s{1,8}\w{1,20}){0,4}\s{1,8}bar"
    text = ("foo " + "w " * 40) * 200

    assert work(parse(allowed)) <= WORK_LIMIT
    assert re.search(allowed, text) is None
