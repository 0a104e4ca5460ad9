"""Reads the words of a text from the last to the first."""

from __future__ import annotations

import re

from sidecar.core.transforms.reading import Pieces, Reading, Sign

_NOUNS = "instructions?|prompts?|rules|guidelines|directives"
SIGNS = (
    Sign(
        rf"(?:{_NOUNS})[ ,.]{{1,2}}(?:previous|prior|earlier|your|my|the|all|system|these|those)[ ,.]{{1,2}}(?:all|your|the|ignore|disregard|forget|reveal|show|print|any|of|me)"
    ),
    Sign(r"previous[ ,.]{1,2}(?:all|the|your)[ ,.]{1,2}(?:ignore|disregard|forget)"),
)
_TOKEN = re.compile(r"\S+|\s+")


def undo(text: str) -> Reading | None:
    """Put the words of a text in the opposite order."""
    tokens = [(found.start(), found.end()) for found in _TOKEN.finditer(text)]
    pieces = Pieces()
    for start, end in reversed(tokens):
        pieces.add(text[start:end], start, end)
    return pieces.reading() if len(tokens) > 1 else None
