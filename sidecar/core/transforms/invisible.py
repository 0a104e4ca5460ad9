"""Drops what is not shown: zero-width and format characters, fillers, soft hyphens, selectors, C1 controls."""

from __future__ import annotations

import unicodedata

from sidecar.core.transforms.characters import table_of

# Default_Ignorable_Code_Point (Unicode 15, DerivedCoreProperties): by property, since U+3164 and U+115F are letters.
DEFAULT_IGNORABLE = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
# Shown as nothing, too: interlinear annotation marks and the blank Braille cell.
_BLANK = frozenset("\ufff9\ufffa\ufffb\u2800")
_IGNORABLE = frozenset(point for low, high in DEFAULT_IGNORABLE for point in range(low, high + 1))


def drop(character: str) -> str:
    """Return nothing for a character that is not shown, and every other one as it is."""
    if ord(character) in _IGNORABLE or character in _BLANK:
        return ""
    if "\x80" <= character <= "\x9f":
        return "" if character != "\x85" else "\n"
    return "" if unicodedata.category(character) == "Cf" and character not in "\u0600\u06dd" else character


TABLE = table_of(drop)
undo = TABLE.undo
