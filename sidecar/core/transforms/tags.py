"""Reads Unicode tag characters, an invisible copy of ASCII that models read and people do not see."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.core.transforms.reading import Edit, Reading, Sign, collect

SIGNS = (Sign("[\U000e0020-\U000e007e]"),)
_FIRST, _LAST = 0xE0020, 0xE007E
_RUN = re.compile(f"(?<!\U0001f3f4)[{chr(_FIRST)}-{chr(_LAST)}]+")
# England, Scotland, Wales: a black flag and up to six tags.
_FLAG = re.compile(f"\U0001f3f4[{chr(_FIRST)}-{chr(_LAST)}]{{4,6}}\U000e007f")
_SPACE = re.compile(r"\s")


def undo(text: str) -> Reading | None:
    """Collect what tag characters spell, flags of regions left out."""
    return collect(_runs(_FLAG.sub(lambda flag: "\0" * len(flag[0]), text)), separator="")


def _runs(text: str) -> Iterator[Edit]:
    done = 0
    for found in _RUN.finditer(text):
        # Visible words between two runs part them; single letters in between do not.
        apart = " " if done and _SPACE.search(text, done, found.start()) else ""
        letters = "".join(chr(ord(tag) - 0xE0000) for tag in found[0])
        if apart:
            yield found.start(), found.start(), apart
        yield found.start(), found.end(), letters
        done = found.end()
