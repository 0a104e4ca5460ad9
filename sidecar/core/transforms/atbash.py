"""Reads an alphabet that runs backwards: a for z, b for y."""

from __future__ import annotations

import string

from sidecar.core.transforms.reading import Reading, Sign, in_place
from sidecar.core.transforms.words import ANCHORS, FOREIGN_ANCHORS, FOREIGN_WORDS, FUNCTION_WORDS

_MIRROR = str.maketrans(string.ascii_letters, string.ascii_lowercase[::-1] + string.ascii_uppercase[::-1])


def disguise(word: str) -> str:
    """Return a word as it stands in a mirrored text."""
    return word.translate(_MIRROR)


SIGNS = (
    *(
        Sign(word.translate(_MIRROR), literal=True)
        for word in (*ANCHORS, *(word for word in FOREIGN_ANCHORS if word.isascii()))
    ),
    *(Sign(rf"\b{word.translate(_MIRROR)}\b") for word in (*FUNCTION_WORDS, *FOREIGN_WORDS)),
)


def undo(text: str) -> Reading | None:
    """Mirror every letter in the alphabet."""
    mirrored = text.translate(_MIRROR)
    return in_place(mirrored) if mirrored != text else None
