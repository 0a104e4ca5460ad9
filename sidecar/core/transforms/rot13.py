"""Reads letters shifted by thirteen places, and by any other number where words of attacks come out."""

from __future__ import annotations

import string

from sidecar.core.transforms.reading import Reading, Sign, in_place
from sidecar.core.transforms.words import ANCHORS, FOREIGN_ANCHORS, FOREIGN_WORDS, FUNCTION_WORDS

_LOWER, _UPPER = string.ascii_lowercase, string.ascii_uppercase


def shift(text: str, places: int) -> str:
    """Return a text with each ASCII letter moved on by some places."""
    places %= 26
    table = str.maketrans(_LOWER + _UPPER, _LOWER[places:] + _LOWER[:places] + _UPPER[places:] + _UPPER[:places])
    return text.translate(table)


def disguise(word: str) -> str:
    """Return a word as it stands in a shifted text."""
    return shift(word, 13)


SIGNS = (
    *(
        Sign(shift(word, 13), literal=True)
        for word in (*ANCHORS, *(word for word in FOREIGN_ANCHORS if word.isascii()))
    ),
    *(Sign(rf"\b{shift(word, 13)}\b") for word in (*FUNCTION_WORDS, *FOREIGN_WORDS)),
)


def undo(text: str) -> Reading | None:
    """Shift every letter by thirteen places."""
    shifted = shift(text, 13)
    return in_place(shifted) if shifted != text else None
