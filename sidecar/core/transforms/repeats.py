"""Shortens letters that are repeated: `iiignooore`, and `iiggnnoorree` where every letter is doubled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sidecar.core.transforms.reading import Sign, substitute
from sidecar.core.transforms.words import ANCHORS, WORDS

if TYPE_CHECKING:
    from sidecar.core.transforms.reading import Reading

SIGNS = (
    *(Sign(letter * 3, literal=True) for letter in "abcdefghijklmnopqrstuvxyz"),
    *(Sign("".join(letter * 2 for letter in word), literal=True) for word in (*ANCHORS, "the", "you", "all")),
)
_REPEATED = re.compile(r"([^\W\d_])\1{2,}", re.IGNORECASE)
_DOUBLED = re.compile(r"(?<![^\W\d_])(?:([^\W\d_])\1){2,}(?![^\W\d_])", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")


def undo(text: str) -> Reading | None:
    """Shorten repeated letters to one, or to two where that makes a known word."""
    return substitute(_WORD, _shorten, text)


def _shorten(found: re.Match[str]) -> str:
    word = found[0]
    if _REPEATED.search(word):
        once = _REPEATED.sub(r"\1", word)
        twice = _REPEATED.sub(r"\1\1", word)
        return twice if once.lower() not in WORDS and twice.lower() in WORDS else once
    if word.lower() not in WORDS and _DOUBLED.fullmatch(word):
        return word[::2]
    return word
