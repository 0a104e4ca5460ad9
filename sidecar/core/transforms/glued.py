"""Parts words that are written as one: `ignoreallpreviousinstructions`, `IgnoreAllPreviousInstructions`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from sidecar.core.transforms.reading import Edit, Reading, Sign, rewrite
from sidecar.core.transforms.vocabulary import VOCABULARY

_VERBS = "ignore|disregard|forget|override|bypass|reveal|repeat|print|show|tell|give|output|display|write|what"
_OBJECTS = "all|any|the|your|you|my|me|our|every|previous|prior|above|system|is"
_NOUNS = "instruction|prompt|rule|guideline|directive|message|password|secret"
_PAIRS = (
    "youare youwill youcan youmust youshould yourself donot fromnow nowon iwant wantyou asan tothe inthe ofthe andthe "
    "allthe thatyou withthe withyour tellme giveme showme letme pretendto actas respondto answerthe"
)
SIGNS = (
    Sign(f"(?:{_VERBS})(?:{_OBJECTS})(?:{_OBJECTS}|{_NOUNS}|of)"),
    Sign(f"(?:previous|prior|system|your|initial|above|secret|hidden)(?:{_NOUNS})"),
    *(Sign(f"[a-z]{{3}}{pair}[a-z]{{3}}") for pair in _PAIRS.split() if len(pair) > 5 and pair != "yourself"),
    # Longer than any word but a few; German ones stay whole, since no English words cover them.
    Sign("[a-z]{22}", caseless=False),
    Sign("[A-Z]{22}", caseless=False),
)
_RUN = re.compile(r"[A-Za-z]{5,}")
# Among words that are written apart, only a run that is longer than most of them is looked at; where the better half of
# a text is such runs, every one is.
_LONG, _SHORT = 14, 5
_LONGEST_WORD = 16
# Names in source code are no words that somebody glued, unless nothing else is there.
_HUMP = re.compile("[a-z][A-Z]")
# What a piece costs: the fewest known words win, and letters that belong to none of them cost more than any word.
_KNOWN, _TWO, _ONE = 1.0, 1.4, 2.2
_UNKNOWN, _UNKNOWN_LETTER = 2.5, 1.0
# Of a run that is parted, so much stands in known words of three letters or more.
_COVERED = 2 / 3


def undo(text: str) -> Reading | None:
    """Part runs of letters that are several known words."""
    return rewrite(text, _edits(text))


def _edits(text: str) -> Iterator[Edit]:
    runs = list(_RUN.finditer(text))
    long = sum(found.end() - found.start() for found in runs if found.end() - found.start() >= _LONG)
    least = _SHORT if 2 * long > len(text) else _LONG
    for found in runs:
        start = found.start()
        if found.end() - start < least or (least == _LONG and _HUMP.search(found[0])):
            continue
        for word in _words(found[0]):
            if start > found.start():
                yield start, start, " "
            start += len(word)


def _words(run: str) -> list[str]:
    """Part a run at the least cost; what is between known words is a word, too.

    A run of which known words cover less than two thirds stays whole.
    """
    lowered = run.lower()
    known = _known()
    # The least cost up to each place, where its last piece begins, and whether that piece is a known word.
    best: list[tuple[float, int, bool]] = [(0.0, 0, True)]
    for end in range(1, len(run) + 1):
        cost, begin, is_word = best[-1]
        letter = _UNKNOWN_LETTER if not is_word and end > 1 else _UNKNOWN + _UNKNOWN_LETTER
        choice = (cost + letter, begin if not is_word and end > 1 else end - 1, False)
        for start in range(max(0, end - _LONGEST_WORD), end):
            if lowered[start:end] in known:
                worth = best[start][0] + (_KNOWN if end - start > 2 else _TWO if end - start == 2 else _ONE)
                if worth <= choice[0]:
                    choice = (worth, start, True)
        best.append(choice)
    words: list[str] = []
    covered, end = 0, len(run)
    while end:
        _, start, is_word = best[end]
        words.append(run[start:end])
        covered += end - start if is_word and end - start > 2 else 0
        end = start
    return words[::-1] if covered >= _COVERED * len(run) else [run]


@cache
def _known() -> frozenset[str]:
    """Return the vocabulary with the forms of its longer words; worked out for the first text that needs it."""
    forms = {word + ending for word in VOCABULARY if len(word) > 3 for ending in ("s", "ed", "ing", "ly")}
    return frozenset({"a", "i", *VOCABULARY}) | forms
