"""Shortens letters that are repeated: `iiignooore`, and `iiggnnoorree` where every letter is doubled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sidecar.core.transforms.readable import CODE
from sidecar.core.transforms.reading import Sign, substitute
from sidecar.core.transforms.words import ANCHORS, WORDS

if TYPE_CHECKING:
    from sidecar.core.transforms.reading import Reading

SIGNS = (
    *(Sign(letter * 3, literal=True) for letter in "abcdefghijklmnopqrstuvxyz"),
    *(Sign("".join(letter * 2 for letter in word), literal=True) for word in (*ANCHORS, "the", "you", "all")),
)
_REPEATED = re.compile(r"([^\W\d_])\1{2,}", re.IGNORECASE)
_DOUBLED = re.compile(r"(?:([^\W\d_])\1)+", re.IGNORECASE)
_WORD = re.compile(rf"(?P<code>{CODE})|[^\W\d_]+")
# So many words of doubled letters only are no accident.
_ACCIDENTS = 2


def undo(text: str) -> Reading | None:
    """Shorten repeated letters to one, or to two where that makes a known word."""
    doubled = sum(len(found[0]) > 3 and _is_doubled(found[0]) for found in _WORD.finditer(text))
    return substitute(_WORD, _halve if doubled > _ACCIDENTS else _shorten, text)


def _is_doubled(word: str) -> bool:
    return word.lower() not in WORDS and _DOUBLED.fullmatch(word) is not None


def _halve(found: re.Match[str]) -> str:
    return found[0][::2] if _is_doubled(found[0]) else _shorten(found)


def _shorten(found: re.Match[str]) -> str:
    word = found[0]
    if found["code"] or not _REPEATED.search(word):
        return word
    once = _REPEATED.sub(r"\1", word)
    twice = _REPEATED.sub(r"\1\1", word)
    return twice if once.lower() not in WORDS and twice.lower() in WORDS else once
