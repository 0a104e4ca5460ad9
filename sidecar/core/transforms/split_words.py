"""Mends words that signs split (`ig-nore`, `ig*no*re`), and parts words that signs join (`ignore_all_previous`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sidecar.core.transforms.reading import Sign, substitute
from sidecar.core.transforms.words import ANCHORS, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sidecar.core.transforms.reading import Reading

_SIGN = r"[ ._\-*~`|/+,:;'\"^=#\\(){}\[\]]"
# `ig nore` and `ig-nore`, split anywhere; one expression for each way to halve an anchor keeps all of them bounded.
_HALVES = [(word[:at], word[at:]) for word in ANCHORS[:16] for at in range(1, len(word))]
_VERBS = "ignore|disregard|forget|override|bypass|reveal|repeat|print|show"
_OBJECTS = "all|any|the|your|previous|prior|above|everything|system|instructions?"


def _signs() -> Iterator[Sign]:
    for left, right in _HALVES:
        yield Sign(f"{left}(?:{_SIGN}{{1,2}}|-?\\r?\\n){right}")
    yield Sign(f"(?:{_VERBS})[._\\-*~|/+,:;]{{1,3}}(?:{_OBJECTS})")
    yield Sign("(?:previous|prior|your|system)[._\\-*~|/+,:;]{1,3}(?:instruction|prompt|rule)")


SIGNS = tuple(_signs())
_LETTERS = r"[^\W\d_]+"
# The look-behind keeps a search from beginning anew at every letter of a long run.
_JOINED = re.compile(rf"(?<![^\W\d_]){_LETTERS}+(?:(?:[._\-*~`|/+,:;'\"^=#\\(){{}}\[\]]{{1,3}}|-\r?\n){_LETTERS}+)+")
_GAP = re.compile(r"[\W_]+")
_ANCHOR_IN_PARTS = re.compile(r"\b(?:" + "|".join(r"[ \n]?".join(word) for word in ANCHORS[:16]) + r")", re.IGNORECASE)


def undo(text: str) -> Reading | None:
    """Join the parts of split words; where every part is a word, the signs become spaces."""
    return substitute(_EITHER, _mend, text)


_EITHER = re.compile(f"{_ANCHOR_IN_PARTS.pattern}|{_JOINED.pattern}", re.IGNORECASE)


def _mend(found: re.Match[str]) -> str:
    parts = _GAP.split(found[0])
    if len(parts) == 1:
        return found[0]
    return (" " if all(part.lower() in WORDS for part in parts) else "").join(parts)
