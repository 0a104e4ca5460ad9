"""Reads a text from its end."""

from __future__ import annotations

from sidecar.core.transforms.reading import Reading, Sign, backwards
from sidecar.core.transforms.words import ANCHORS, FOREIGN_ANCHORS, FOREIGN_WORDS, FUNCTION_WORDS


def disguise(word: str) -> str:
    """Return a word as it stands in a reversed text."""
    return word[::-1]


SIGNS = (
    *(Sign(word[::-1], literal=True) for word in (*ANCHORS, *FOREIGN_ANCHORS)),
    # `siht` and `dna` (the molecule) need company; these do not.
    *(Sign(rf"\b{word[::-1]}\b") for word in FUNCTION_WORDS if word != "and"),
    *(Sign(rf"\b{word[::-1]}\b") for word in FOREIGN_WORDS if word not in ("des", "les", "los", "las")),
)


def undo(text: str) -> Reading | None:
    """Reverse a text."""
    mirrored = text[::-1]
    return backwards(mirrored, len(text)) if mirrored != text else None
