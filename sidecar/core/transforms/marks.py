"""Drops accents, strokes and underlines from Latin letters; marks that other scripts need stay."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from sidecar.core.transforms.characters import changes, character_class
from sidecar.core.transforms.reading import Reading, substitute

if TYPE_CHECKING:
    from collections.abc import Mapping

# Letters with a bar through them have no decomposition.
_BARRED: Mapping[str, str] = dict(
    zip(
        "\u00f8\u0142\u0111\u0127\u0167\u0180\u0268\u0289\u024d\u024f\u01b6\u0249\u2c65\u0247\u019a\u00e6\u0153\u00df\u00d8\u0141\u0110\u0126\u0166",
        ("o", "l", "d", "h", "t", "b", "i", "u", "r", "y", "z", "j", "a", "e", "l", "ae", "oe", "ss", *"OLDHT"),
        strict=True,
    )
)
# Marks on one base that are looked at together; the rest are dropped one by one. Bounded, since the canonical
# ordering of n marks takes n squared steps.
_TOGETHER = 4


def bare(character: str) -> str:
    """Return a Latin letter without its accents and strokes, and every other character as it is."""
    if character in _BARRED:
        return _BARRED[character]
    parts = unicodedata.normalize("NFD", character)
    return parts[0] if len(parts) > 1 and parts[0].isascii() else character


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me")


_MARKS = character_class(point for point in range(0x300, 0x20000) if _is_mark(chr(point)))
_TABLE: Mapping[int, str] = changes(bare)
_MARKED = re.compile(
    f"[{character_class(_TABLE)}][{_MARKS}]*"  # an accented letter as one character
    f"|[\u0000-\u024f][{_MARKS}]+"  # a Latin base, or an ASCII sign, and whatever is piled upon it
    f"|[\u0370-\U0001ffff][\u0300-\u036f\u3099\u309a][{_MARKS}]*"  # another base with general-purpose marks
)


def undo(text: str) -> Reading | None:
    """Drop marks from Latin letters; compose what other scripts write with a mark of its own."""
    if text.isascii():
        return None
    return substitute(_MARKED, _bare_run, text)


def _bare_run(found: re.Match[str]) -> str:
    run = found[0]
    if run[0] > "\u036f":
        return unicodedata.normalize("NFC", run[: 1 + _TOGETHER])
    return "".join(bare(character) for character in run if not _is_mark(character))
