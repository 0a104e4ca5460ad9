"""Lower case for letters outside ASCII; inside it, the scanner and the rules look at either case."""

from __future__ import annotations

import unicodedata

from sidecar.core.transforms.characters import table_of


def lower(character: str) -> str:
    """Return a letter outside ASCII in lower case."""
    # Lowering U+0130 alone gives two code points: a dotted i and a dot.
    return character.lower()[0] if unicodedata.category(character) in ("Lu", "Lt") else character


TABLE = table_of(lower)
undo = TABLE.undo
