"""The factor of a pattern stands in every match of it, is bounded, and is the rarest that can be had."""

import random

import pytest
import regex

from sidecar.backends import factors
from sidecar.backends.widening import widen

FLAGS = regex.IGNORECASE | regex.MULTILINE | regex.DOTALL
PATTERNS = [
    r"\w+@\w+\.[a-z]{2,4}",
    r"(?:tel|fax|phone)\s*:?\s*\+?\d{5,}",
    r"[A-Z]{2}\d{2}(?:\s?\w{4}){3,7}",
    r"(?:https?|ftp)://\S+",
    r"\d+(?:-\d+)*-[xyz]+",
]


def example(rng):
    """Make a text that often holds a match."""
    units = [
        "bob@",
        "x",
        ".de",
        "tel",
        "fax: ",
        "+",
        "12345",
        "678",
        "DE",
        "44",
        " 1234",
        "wxyz",
        "http",
        "://",
        "-",
        "z",
        " ",
        "\n",
        "ä",
    ]
    return "".join(rng.choice(units) for _ in range(rng.randint(1, 12)))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_match_holds_the_factor(pattern):
    """A gate that does not fire is a proof; both written forms say the same."""
    factor = factors.factor(widen(pattern, FLAGS).node)
    in_bytes, in_text = regex.compile(factors.as_bytes(factor).encode()), regex.compile(factors.as_text(factor))
    rng = random.Random(pattern)
    matches = 0
    for _ in range(6000):
        text = example(rng)
        for found in regex.finditer(pattern, text, FLAGS):
            matches += 1
            assert in_bytes.search(text.encode()), text
            assert in_text.search(text, max(0, found.start() - 1), min(len(text), found.end() + 1)), text

    assert matches > 20


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_factor_is_bounded_and_cheap(pattern):
    """Hyperscan is fast and most reliable there."""
    factor = factors.factor(widen(pattern, FLAGS).node)

    assert factors.span(factor) <= factors.WIDE_LIMIT
    assert factors.cost(factor) <= factors.COST_LIMIT
    assert factors.bits(factor) > factors.LEAST_BITS


@pytest.mark.parametrize("pattern", [r".*", r"\w+", r"(?:\S|\s){2,9}", r"a?b?"])
def test_what_matches_nearly_anything_has_no_factor(pattern):
    """A gate that fires in every text is none."""
    assert factors.factor(widen(pattern, FLAGS).node) is None


def test_rarer_is_worth_more():
    """A digit beats a letter, a literal both."""
    values = [factors.bits(widen(pattern, FLAGS).node) for pattern in (r"\S{3}", r"[a-z]{3}", r"\d{3}", "xqz")]

    assert values == sorted(values)
