"""Mends words that signs split (`ig-nore`, `ig*no*re`), and parts words that signs join (`ignore_all_previous`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.core.transforms.readable import CODE
from sidecar.core.transforms.reading import Reading, Sign, substitute
from sidecar.core.transforms.words import ANCHORS, OTHER_LETTERS, are_words

_SIGN = r"[._\-*~`|/+,:;^=#\\(){}\[\]]"
# Ordinary words that no text does without; together with the anchors, one of them is split in any split text.
_COMMON = ("your", "that", "this", "with", "have", "from", "what", "will", "about", "there", "would", "people", "never")
_VERBS = "ignore|disregard|forget|override|bypass|reveal|repeat|print|show"
_OBJECTS = "all|any|the|your|previous|prior|above|everything|system|instructions?"


def _signs() -> Iterator[Sign]:
    # `ig-nore` is split anywhere; one expression for each way to halve a word keeps all of them bounded.
    for word in (*ANCHORS, *_COMMON):
        gap = f"(?:{_SIGN}{{1,2}}|-\\r?\\n)" if word in _COMMON else f"(?:{_SIGN}{{1,2}}|-?\\r?\\n| )"
        for at in range(1, len(word)):
            yield Sign(f"{word[:at]}{gap}{word[at:]}")
    yield Sign(f"(?:{_VERBS})[._\\-*~|/+,:;]{{1,3}}(?:{_OBJECTS})")
    yield Sign("(?:previous|prior|your|system)[._\\-*~|/+,:;]{1,3}(?:instruction|prompt|rule)")
    yield Sign("[a-z][*~|^`]{1,2}[a-z]")
    yield Sign(f"[{OTHER_LETTERS}][*~|^`_-]{{1,2}}[{OTHER_LETTERS}]")
    yield Sign("[a-z]-[a-z]{1,12}[ ,.:;!?]{1,2}[a-z]{1,8}-[a-z]")  # two words running
    yield Sign("_[a-z]{1,12}_[a-z]{1,12}_[a-z]{1,12}_[a-z]")
    yield Sign("-[a-z]{1,12}-[a-z]{1,12}-[a-z]{1,12}-[a-z]")
    yield Sign(r"\+[a-z]{1,12}\+[a-z]{1,12}\+[a-z]")


SIGNS = tuple(_signs())
_LETTERS = r"[^\W\d_]+"
# The look-behind keeps a search from beginning anew at every letter of a long run.
_JOINED = re.compile(rf"(?<![^\W\d_]){_LETTERS}+(?:(?:[._\-*~`|/+,:;^=#\\(){{}}\[\]]{{1,3}}|-\r?\n){_LETTERS}+)+")
_GAP = re.compile(r"[\W_]+")
_ANCHOR_IN_PARTS = re.compile(r"\b(?:" + "|".join(r"[ \n]?".join(word) for word in ANCHORS[:16]) + r")", re.IGNORECASE)


def undo(text: str) -> Reading | None:
    """Join the parts of split words; where every part is a word, the signs become spaces."""
    return substitute(_EITHER, _mend, text)


_EITHER = re.compile(f"(?P<code>{CODE})|{_JOINED.pattern}|{_ANCHOR_IN_PARTS.pattern}|_+", re.IGNORECASE)


def _mend(found: re.Match[str]) -> str:
    parts = _GAP.split(found[0])
    if found["code"] or len(parts) == 1:
        return found[0]
    return (" " if are_words(parts) else "").join(parts)
