"""Reads words of the spelling alphabet (ICAO, ITU) by their first letters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.core.transforms.reading import Edit, Reading, Sign, collect

_WORDS = (
    "alfa|alpha|bravo|charlie|delta|echo|foxtrot|golf|hotel|india|juliett?|kilo|lima|mike|november|oscar|papa|quebec|"
    "romeo|sierra|tango|uniform|victor|whiske?y|x-?ray|yankee|zulu"
)
SIGNS = (Sign(rf"(?:{_WORDS})[ ,.\n-]{{1,2}}(?:{_WORDS})[ ,.\n-]{{1,2}}(?:{_WORDS})[ ,.\n-]"),)
_RUN = re.compile(rf"\b(?:(?:{_WORDS})\b[ ,.\n/|-]{{0,4}}){{4,}}", re.IGNORECASE)
_TOKEN = re.compile(rf"(?:{_WORDS})|[/|\n.]|  +", re.IGNORECASE)


def undo(text: str) -> Reading | None:
    """Collect what runs of spelling words spell."""
    return collect(_runs(text))


def _runs(text: str) -> Iterator[Edit]:
    for found in _RUN.finditer(text):
        tokens = _TOKEN.findall(found[0])
        yield found.start(), found.end(), "".join(token[0].lower() if token[0].isalpha() else " " for token in tokens)
