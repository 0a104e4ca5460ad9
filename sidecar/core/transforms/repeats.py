"""Shortens letters that are repeated: `iiignooore`, and `iiggnnoorree` where every letter is doubled."""

from __future__ import annotations

import re

from sidecar.core.transforms.readable import CODE
from sidecar.core.transforms.reading import Reading, Sign, substitute
from sidecar.core.transforms.words import ANCHORS, FOREIGN_ANCHORS, WORDS

# Cyrillic, Arabic and Devanagari letters.
_ALPHABETS = (range(0x430, 0x450), range(0x627, 0x64B), range(0x915, 0x93A))


def disguise(word: str) -> str:
    """Return a word with every letter doubled."""
    return "".join(letter * 2 if letter.isalpha() else letter for letter in word)


SIGNS = (
    *(Sign(letter * 3, literal=True) for letter in "abcdefghijklmnopqrstuvxyz"),
    *(Sign(chr(point) * 3, literal=True) for span in _ALPHABETS for point in span),
    *(
        Sign("".join(letter * 2 for letter in word), literal=True)
        for word in (*ANCHORS, *FOREIGN_ANCHORS, "the", "you", "all")
    ),
)
_REPEATED = re.compile(r"([^\W\d_])\1{2,}", re.IGNORECASE)
_RUN = re.compile(r"([^\W\d_])\1+", re.IGNORECASE)
# Known words by what is left of them when every letter stands once; `god` is `god`, though `good` would do.
_BY_SHORT = {_RUN.sub(r"\1", word): word for word in sorted(WORDS, key=len, reverse=True)}
_EACH = re.compile(r"([^\W\d_])\1*", re.IGNORECASE)
_WORD = re.compile(rf"(?P<code>{CODE})|[^\W\d_]+")
# No word is longer than half of this.
_LONGEST = 64
# So many words of doubled letters only are no accident.
_ACCIDENTS = 2


def undo(text: str) -> Reading | None:
    """Shorten repeated letters to those of the known word they make, else to one."""
    doubled = sum(3 < len(found[0]) <= _LONGEST and _is_doubled(found[0]) for found in _WORD.finditer(text))
    return substitute(_WORD, _halve if doubled > _ACCIDENTS else _shorten, text)


def _is_doubled(word: str) -> bool:
    """Tell whether every letter stands twice, and those that were double four times."""
    if word.lower() in WORDS:
        return False
    runs = [len(run[0]) for run in _EACH.finditer(word)]
    return all(run % 2 == 0 for run in runs) and 2 * runs.count(2) > len(runs)


def _halve(found: re.Match[str]) -> str:
    return found[0][::2] if _is_doubled(found[0]) else _shorten(found)


def _shorten(found: re.Match[str]) -> str:
    word = found[0]
    if found["code"] or not _REPEATED.search(word):
        return word
    return _BY_SHORT.get(_RUN.sub(r"\1", word).lower()) or _REPEATED.sub(r"\1", word)
