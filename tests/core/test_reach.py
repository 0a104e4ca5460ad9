"""Where expressions can match: the windows hold every match that the whole text has, for the rules that ship, too."""

from __future__ import annotations

import random
import re

import pytest

from sidecar.core.reach import Reach, reach_of, search, windows


def around(regex: re.Pattern[str], text: str, begin: int = 0) -> list[tuple[int, int]]:
    """Return the spans that are found in windows."""
    return [found.span() for found in search(regex, text, windows(regex, text, text.lower(), begin))]


def everywhere(regex: re.Pattern[str], text: str, begin: int = 0) -> list[tuple[int, int]]:
    """Return the spans that are found in the whole text: the slow twin."""
    return [found.span() for found in regex.finditer(text, begin)]


@pytest.mark.parametrize(
    ("expression", "literals"),
    [
        (r"ignore\s{1,4}(?:all|any)", ("ignore",)),
        (r"pass(?:word|code)s?", ("passcode", "password")),
        (r"\w{1,9}\s(?:forget|ignore)\b", ("forget", "ignore")),
        (r"(?:say )?hello(?! world)", ("hello",)),
        (r"a[bc]\d{1,9}x", None),
        (r"[a-z]{1,40}", None),
        (r"ignore.*rules", None),
        (r"ignore(?=.{100})", None),
        (r"забудь", None),
        (r"(?i:ignore) me", None),
    ],
)
def test_what_every_match_holds(expression: str, literals: tuple[str, ...] | None) -> None:
    """Literals are long, few and ASCII, and nothing is claimed of what has no bounds."""
    known = reach_of(re.compile(expression))

    assert (known.literals if known else None) == literals


def test_widths_are_those_of_the_expression() -> None:
    """A window is as wide as the widest match on both sides."""
    assert reach_of(re.compile(r"ignore.{0,20}rules")) == Reach(("ignore",), 31)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r"(?i)\bkey\b", "a \u212aey and a key"),  # the Kelvin sign is a k where case does not matter
        (r"(?i)\bsystem\b", "a \u017fystem and a SYSTEM"),
        (r"(?i)\bignore\b", "\u0130GNORE ignore"),
        (r"x{0,5}ignore\b", "xxignore ignored " * 300),
        (r"^ignore$", "a\nignore\nb ignore"),
        (r"(?m)^ignore\b", "ignore\nnot ignore\nignore" + " " * 500 + "\nignore"),
    ],
)
def test_nothing_is_lost_at_the_edges(expression: str, text: str) -> None:
    """Anchors, boundaries and letters with kin see what stands outside of the window."""
    regex = re.compile(expression)

    assert around(regex, text) == everywhere(regex, text)
    assert around(regex, text, 3) == everywhere(regex, text, 3)


def test_the_rules_that_ship_find_the_same(snapshot) -> None:
    """Windows against whole texts, over texts that are full of the rules' own words."""
    patterns = [pattern for rule in snapshot.bundle.rule_set.rules for pattern in rule.patterns if pattern.regex]
    chance = random.Random(5)
    words = sorted({word for pattern in patterns for word in (*pattern.keywords, *pattern.also) if word.isascii()})
    known = found = 0
    for number, pattern in enumerate(patterns):
        regex = pattern.regex
        assert regex is not None
        reach = reach_of(regex)
        known += reach is not None
        own = [*pattern.keywords, *pattern.also, *(reach.literals if reach else ())] or words
        for _ in range(4):
            chosen = [chance.choice((own, own, words, [" ", "\n", ": ", " the ", "x" * 90])) for _ in range(24)]
            text = "".join(chance.choice(group) + chance.choice((" ", " ", "")) for group in chosen)
            spans = everywhere(regex, text)
            found += len(spans)
            assert around(regex, text) == spans, number
    assert known > 300
    assert found > 20
