"""Drops accents, strokes and underlines from Latin letters; marks that other scripts need stay."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from sidecar.core.transforms.characters import INTERESTING, table_of
from sidecar.core.transforms.reading import Reading, substitute, then

# Letters with a bar through them have no decomposition.
_BARRED: Mapping[str, str] = dict(
    zip(
        "\u00f8\u0142\u0111\u0127\u0167\u0180\u0268\u0289\u024d\u024f\u01b6\u0249\u2c65\u0247\u019a\u00e6\u0153\u00df\u00d8\u0141\u0110\u0126\u0166",
        ("o", "l", "d", "h", "t", "b", "i", "u", "r", "y", "z", "j", "a", "e", "l", "ae", "oe", "ss", *"OLDHT"),
        strict=True,
    )
)
# Marks of general use, which are piled upon letters of any script; those of a script of its own stay.
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\u3099\u309a\ufe20-\ufe2f"
_MARK = re.compile(f"[{_MARKS}]")
_MARKED = re.compile(f"[^{_MARKS}]?[{_MARKS}]+")


def bare(character: str) -> str:
    """Return a Latin letter without its accents and strokes, and every other character as it is."""
    if character in _BARRED:
        return _BARRED[character]
    parts = unicodedata.normalize("NFD", character)
    return parts[0] if len(parts) > 1 and parts[0].isascii() else character


_TABLE = table_of(bare)
TOUCHES = _TABLE.touches | {chr(point) for span in INTERESTING for point in span if _MARK.match(chr(point))}


def undo(text: str) -> Reading | None:
    """Drop marks of general use, but for the first one where a letter of another script is composed with it."""
    if not _MARK.search(text):
        return _TABLE.undo(text)
    unmarked = substitute(_MARKED, _compose, text)
    plain = _TABLE.undo(unmarked.text if unmarked else text)
    return then(unmarked, plain) if unmarked and plain else unmarked or plain


def _compose(found: re.Match[str]) -> str:
    unit = found[0]
    if unit[0] < "\u0370":
        return unit[0] if not _MARK.match(unit) else ""
    composed = unicodedata.normalize("NFC", unit[:2])
    return composed if len(composed) == 1 else unit[0]
