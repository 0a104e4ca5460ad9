"""Parts words that are written as one: `ignoreallpreviousinstructions`, `IgnoreAllPreviousInstructions`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sidecar.core.transforms.reading import Sign, rewrite
from sidecar.core.transforms.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.core.transforms.reading import Edit, Reading

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
)
_LONG = re.compile(r"[A-Za-z]{8,}")
_LONGEST_WORD = max(map(len, WORDS))


def undo(text: str) -> Reading | None:
    """Part runs of letters that are several known words."""
    return rewrite(text, _edits(text))


def _edits(text: str) -> Iterator[Edit]:
    for found in _LONG.finditer(text):
        start = found.start()
        for word in _words(found[0]):
            if start > found.start():
                yield start, start, " "
            start += len(word)


def _words(run: str) -> list[str]:
    """Part a run into known words, the longest first; what is left between them is a word, too.

    A run of which known words cover less than two thirds stays whole.
    """
    lowered = run.lower()
    words: list[str] = []
    known = start = unknown = 0
    while start < len(run):
        longest = min(start + _LONGEST_WORD, len(run))
        end = next((end for end in range(longest, start + 1, -1) if lowered[start:end] in WORDS), 0)
        if not end:
            start += 1
            continue
        if unknown < start:
            words.append(run[unknown:start])
        words.append(run[start:end])
        known += end - start if end - start > 2 else 0
        start = unknown = end
    if unknown < len(run):
        words.append(run[unknown:])
    return words if 3 * known >= 2 * len(run) else [run]
