"""Widened patterns match at least what the pattern matches, byte for byte; what cannot be read is said to be so."""

import random
import re

import pytest
import regex

from sidecar.backends import factors
from sidecar.backends.widening import Untranslatable, alphabet, readable, widen

FLAGS = regex.IGNORECASE | regex.MULTILINE | regex.DOTALL
PATTERNS = [
    r"\b[A-Z]{2}\d{6}\b",
    r"(?i)k\w{2,4}s\b",
    r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)",
    r"(\d)\1{2,3}",
    r"[^\W\d_]+@\w+\.(?:com|org|de)",
    r"ß|straße|ſs",
    r"(?:a|bc|[x-z]\.){1,3}\s?-{0,2}Ä",
    r"^\s*id[:=]\s*(?P<n>\w{1,5})$",
    r"(?=.{3,9}z)[abz]+z",
]
UNITS = [
    "k",
    "K",
    "K",
    "s",
    "ſ",
    "ß",
    "ä",
    "Ä",
    "1",
    "٣",
    "-",
    "@",
    "com",
    "ORG",
    "x.",
    "id: ",
    "\n",
    " ",
    "z",
    "ab",
    "123-45-6789",
    "aaa",
    "AB123456",
]


def texts(seed, count):
    rng = random.Random(seed)
    return ["".join(rng.choice(UNITS) for _ in range(rng.randint(0, 12))) for _ in range(count)]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_the_pattern_matches_the_widened_one_matches(pattern):
    """On the bytes of the text; decimal digits outside ASCII are the one exception, and are told."""
    widened = widen(pattern, FLAGS)
    found = regex.compile(factors.as_bytes(widened.node).encode())
    for text in texts(pattern, 3000):
        matched = regex.search(pattern, text, FLAGS)
        if matched and not (widened.digits and re.search(r"[^\x00-\x7f]", matched[0]) and re.search(r"\d", matched[0])):
            assert found.search(text.encode()), text


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_match_is_wider_than_was_said(pattern):
    """Windows are cut by this width."""
    width = widen(pattern, FLAGS).width
    for text in texts(pattern, 2000):
        assert all(len(found[0]) <= width for found in regex.finditer(pattern, text, FLAGS))


@pytest.mark.parametrize("pattern", [r"(?:cat){e<=1}", r"\p{Lu}{2}", r"(?|a|b)c", r"a(", r"(?V1)[a--b]"])
def test_what_only_regex_knows_is_not_translated(pattern):
    """Its user is asked always."""
    assert readable(pattern, FLAGS) is None
    with pytest.raises(Untranslatable):
        widen(pattern, FLAGS)


def test_inline_flags_fall_away():
    """The flags are given beside the pattern."""
    assert readable(r"(?i)ab(?s)c", FLAGS) == "abc"


def test_the_alphabet_holds_every_character_of_a_match():
    """Runs of it are windows of patterns without a longest match."""
    held = alphabet(widen(r"[a-c]+-\d{2,}", FLAGS).node)

    assert set(b"aAbBcC-0123456789") <= held.ascii
    assert not set(b"xyz @") & held.ascii
