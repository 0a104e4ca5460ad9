"""Windows: a recognizer that looks only there finds what it finds in the whole text; long texts are cut between entities."""

import itertools
import random

import pytest
import regex

from sidecar.backends import factors
from sidecar.backends.presidio_windows import AFTER, BEFORE, CHUNK, WHOLE, chunks, run_scope
from sidecar.backends.presidio_windows import _cut as cut
from sidecar.backends.widening import alphabet, widen

FLAGS = regex.IGNORECASE | regex.MULTILINE | regex.DOTALL


def scope(pattern):
    """Return the scope of one pattern whose windows are runs."""
    widened = widen(pattern, FLAGS)
    held = alphabet(widened.node)
    located = regex.compile(factors.as_text(factors.factor(widened.node)))
    return run_scope(located, factors.text_set(held, negated=True), reach=int(widened.reach))


@pytest.mark.parametrize("pattern", [r"\b[a-c]+@[a-c]+\.de\b", r"(?<!\d)\d+-\d+(?!x)"])
def test_runs_hold_every_match(pattern):
    """The windows are apart, in order, and give the matches of the whole text."""
    rng = random.Random(pattern)
    windows = scope(pattern)
    for _ in range(2000):
        text = "".join(
            rng.choice(["a", "bc", "@", ".de", "12", "-", "x", " ", "\n", "ä"]) for _ in range(rng.randint(0, 25))
        )
        found = list(windows.windows(text))
        whole = [match.span() for match in regex.finditer(pattern, text, FLAGS)]
        inside = [
            (window.start + match.start(), window.start + match.end())
            for window in found
            for match in regex.finditer(pattern, text[window.start : window.end], FLAGS)
        ]

        assert whole == inside, text
        assert all(one.end < other.start for one, other in itertools.pairwise(found))


def test_the_whole_text_is_a_window():
    """Where nothing better is known."""
    assert [(w.start, w.end) for w in WHOLE.windows("abc")] == [(0, 3)]


@pytest.mark.parametrize("length", [0, 1, CHUNK, CHUNK + AFTER, CHUNK + AFTER + 1, 5 * CHUNK + 77])
def test_pieces_own_every_character_once(length):
    """And see enough around them."""
    text = ("words and 12 more of them, then " * (length // 20 + 1))[:length]
    pieces = list(chunks(text))

    assert "".join(text[own.start : own.end] for _, own in pieces) == text
    for seen, own in pieces:
        assert seen.start == max(0, own.start - BEFORE)
        assert seen.end == min(length, own.end + AFTER)


def test_a_text_is_cut_far_from_digits():
    """A card number at the limit stays whole."""
    text = "calm words without any number at all in them, " * 200 + "4111 1111 1111 1111 " * 40
    place = cut(text, CHUNK)

    assert not any(character.isdigit() for character in text[place - 20 : place + 20])


def test_a_text_without_blanks_is_cut_all_the_same():
    """Nobody can keep us from cutting."""
    assert cut("x" * 20_000, CHUNK) == CHUNK
