"""Letters in costume that NFKC leaves alone: small capitals, negative circles and squares, regional indicators, Braille.

Typographic quotes and dashes become their ASCII forms, too: rules are written with those.
"""

from __future__ import annotations

import re

from sidecar.core.transforms.characters import table
from sidecar.core.transforms.reading import Reading, then

_SMALL_CAPITALS = dict(
    zip(
        "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274\u1d0f\u1d18\ua7af\u0280\ua731\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22",
        "abcdefghijklmnopqrstuvwyz",
        strict=True,
    )
)
# Dots 1 to 6 of the Braille cells for a to z (Unicode's block begins at U+2800 and counts dots as bits).
_BRAILLE = dict(
    zip(
        (chr(0x2800 + dots) for dots in (
            0x01, 0x03, 0x09, 0x19, 0x11, 0x0B, 0x1B, 0x13, 0x0A, 0x1A, 0x05, 0x07, 0x0D,
            0x1D, 0x15, 0x0F, 0x1F, 0x17, 0x0E, 0x1E, 0x25, 0x27, 0x3A, 0x2D, 0x3D, 0x35,
        )),
        "abcdefghijklmnopqrstuvwxyz",
        strict=True,
    )
)  # fmt: skip
_PUNCTUATION = {
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u02bc": "'", "\u2032": "'", "\u00b4": "'",
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u00ab": '"', "\u00bb": '"', "\u2033": '"',
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-", "\u2212": "-",
    "\u00b7": ".", "\u2022": ".", "\u2024": ".", "\u3002": ".", "\uff61": ".", "\u2044": "/", "\u2215": "/",
}  # fmt: skip
# First letters of the alphabets of 26 that NFKC does not fold: negative circled and negative squared.
_ALPHABETS = (0x1F150, 0x1F170)
_REGIONAL = 0x1F1E6
_TABLE = {
    **_SMALL_CAPITALS,
    **_BRAILLE,
    **_PUNCTUATION,
    **{chr(first + n): chr(0x61 + n) for first in _ALPHABETS for n in range(26)},
}


_SIGNS = table({ord(character): plain for character, plain in _TABLE.items()})
_SPELLED = table({_REGIONAL + n: chr(0x61 + n) for n in range(26)})
TOUCHES = _SIGNS.touches | _SPELLED.touches
_FLAG = f"[{chr(_REGIONAL)}-{chr(_REGIONAL + 25)}]"
# A pair of regional indicators is a flag; any other number of them spells something.
_NO_FLAG = re.compile(f"(?<!{_FLAG})(?:{_FLAG}|{_FLAG}{{3,}})(?!{_FLAG})")


def undo(text: str) -> Reading | None:
    """Return a text with its letters out of costume; flags stay flags, unless letters are spelled beside them."""
    plain = _SIGNS.undo(text)
    spelled = _SPELLED.undo(plain.text if plain else text) if _NO_FLAG.search(text) else None
    return then(plain, spelled) if plain and spelled else plain or spelled
