"""NFKC: full-width, mathematical, circled, superscript and ligature forms become plain letters; odd spaces, spaces."""

from __future__ import annotations

import unicodedata

from sidecar.core.transforms.characters import table_of

# U+FDFA alone expands to 18 code points; nothing that hides a letter needs more than four.
_LONGEST = 4
# Parenthesised letters would keep their parentheses, and line separators are no compatibility forms.
_OVER = {chr(0x249C + n): chr(0x61 + n) for n in range(26)} | {chr(0x1F110 + n): chr(0x41 + n) for n in range(26)}
_OVER |= {"\u2028": "\n", "\u2029": "\n", "\u1680": " "}


def plain(character: str) -> str:
    """Return the compatibility form of a character, where it is short; accents stay composed."""
    if character in _OVER:
        return _OVER[character]
    form = unicodedata.normalize("NFKC", character)
    return form if len(form) <= _LONGEST else character


TABLE = table_of(plain)
undo = TABLE.undo
