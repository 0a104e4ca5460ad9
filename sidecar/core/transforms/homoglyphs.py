"""Letters of other scripts that look Latin, in words that mix scripts or that are Latin words once they are read so."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sidecar.core.transforms import confusables
from sidecar.core.transforms.characters import character_class
from sidecar.core.transforms.reading import Reading, substitute
from sidecar.core.transforms.words import WORDS

# What Unicode's table does not call confusable and attackers use all the same: Cyrillic, Greek, Armenian.
_MORE = dict(
    zip(
        "\u0432\u043a\u043c\u043d\u0442\u0438\u043f\u044c\u0491\u0493\u0451\u0457"
        "\u03b5\u03b7\u03ba\u03bc\u03c4\u03c9\u03b2\u03c7\u03bb\u0578\u057d\u0570\u0585",
        ("b", "k", "m", "h", "t", "u", "n", "b", "r", "f", "e", "i", *"enkutwbxl", *"nuho"),
        strict=True,
    )
)
_LOOKS: Mapping[int, str] = {
    ord(letter): look for letter, look in zip(confusables.LETTERS, confusables.LOOKS, strict=True)
} | {ord(letter): look for letter, look in _MORE.items()}

_CLASS = character_class(letter for letter in _LOOKS if letter < 0x10000)
_ASCII_LETTER = re.compile("[A-Za-z]")
TOUCHES = frozenset(map(chr, _LOOKS))
# Two letters side by side from two scripts: no word of any language is written so.
_MIXED = re.compile(f"[A-Za-z][{_CLASS}]|[{_CLASS}][A-Za-z]")
_WORD = re.compile(rf"(?<![^\W\d_])[A-Za-z]*+[{_CLASS}][A-Za-z0-9{_CLASS}]*+(?![^\W\d_])")


def undo(text: str) -> Reading | None:
    """Fold lookalikes; where no word mixes scripts, only those words that become known ones."""
    if not _ASCII_LETTER.search(text):
        return None
    return substitute(_WORD, _fold if _MIXED.search(text) else _fold_known, text)


def _fold(found: re.Match[str]) -> str:
    return found[0].translate(_LOOKS)


def _fold_known(found: re.Match[str]) -> str:
    word = _fold(found)
    return word if len(word) > 1 and word.lower() in WORDS else found[0]
