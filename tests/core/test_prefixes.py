"""The automaton never gives up a place from which a match can still be completed; what it adds is only delay."""

import random
import re

import pytest

from sidecar.core.prefixes import Live, PrefixAutomaton, Untranslatable
from tests.core.streams import MASKED, random_text

EXTRA = {
    "nested": r"(?:a{1,3}b?){2,4}c",
    "atomic": r"x(?>y{1,3})z",
    "negated": r"\[[^\]]{1,6}\]",
    "class": r"[a-f\d]{4}-[^\W_]{2}",
    "behind": r"(?<=key=)\w{3}",
    "not-behind": r"(?<![\w-])id\d{2}",
    "conditional": r"(<)?\w{2}(?(1)>|!)",
    "inline": r"(?i:Hello) \w{2}",
}
PIECES = [
    "a",
    "b",
    "aa",
    "c",
    "x",
    "y",
    "z",
    "[",
    "]",
    "ab12-q7",
    "key=abc",
    "id42",
    "<ab>",
    "ab!",
    "Hello wo",
    " ",
    " tok_A1b2C3d4 ",
    "begin mid end",
    "<x>q</x>",
    "'abc'",
    "xyz",
    "tail",
]


@pytest.mark.parametrize("name", [*MASKED, *EXTRA])
def test_no_match_begins_before_what_is_held(name):
    """At every moment before a match ends, its start is held; and what has died can match no more."""
    expression = (MASKED | EXTRA)[name]
    automaton = PrefixAutomaton([(expression, 0)], width=200)
    compiled = re.compile(expression, re.IGNORECASE)
    rng = random.Random(name)
    seen = 0
    for _ in range(150):
        text = random_text(rng, 8) + "".join(rng.choice(PIECES) for _ in range(6))
        live = Live()
        earliest = []
        for offset, character in enumerate(text):
            automaton.advance(live, character, offset)
            earliest.append(live.earliest(offset + 1))
        for found in compiled.finditer(text):
            seen += 1

            assert all(earliest[offset] <= found.start() for offset in range(found.start(), found.end() - 1)), text
            assert live.matched >= found.end(), text
    assert seen


def test_characters_are_seen_as_transforms_show_them():
    """Invisible characters, accents, wide letters and runs of blanks do not break a match in the making."""
    automaton = PrefixAutomaton([("secret word", 0)], width=20)
    for text in ("s\u200becret w", "SECRET \n  w", "\uff53ecret w", "sécret w", "secret\u00a0w"):
        live = Live()
        automaton.advance(live, text, 0)

        assert live.earliest(99) == 0, ascii(text)


def test_literals_are_patterns():
    """A keyword without an expression is held while it may still be completed."""
    automaton = PrefixAutomaton([], ["a.b"], width=3)
    live = Live()
    automaton.advance(live, "xa.", 0)

    assert (live.earliest(3), live.matched) == (1, 0)


def test_starts_too_far_back_are_given_up():
    """No match is wider than the widest rule."""
    automaton = PrefixAutomaton([(r"a+b", 0)], width=10)
    live = Live()
    automaton.advance(live, "a" * 50, 0)

    assert live.earliest(50) == 50 or live.earliest(50) >= 40


@pytest.mark.parametrize("expression", ["(", "(?P<", "a{2", "\\"])
def test_unreadable_patterns_are_said_to_be(expression):
    """The caller then holds by width."""
    try:
        re.compile(expression)
    except re.error:
        with pytest.raises(Untranslatable):
            PrefixAutomaton([(expression, 0)], width=1)


def test_memory_is_bounded():
    """A text in a great many characters does not fill the memory."""
    automaton = PrefixAutomaton([(r"\w{2}@", 0)], width=10)
    live = Live()
    automaton.advance(live, "".join(map(chr, range(0x4E00, 0x9FFF))), 0)

    assert len(automaton._forms) <= 50_000
