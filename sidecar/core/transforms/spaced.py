"""Joins letters that stand apart: `i g n o r e   a l l`, `i.g.n.o.r.e`, `i-g-n-o-r-e- -a-l-l`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sidecar.core.transforms.reading import Pieces, Sign

if TYPE_CHECKING:
    from sidecar.core.transforms.reading import Reading

_GAP = r"[^a-z0-9\n]"
SIGNS = (
    Sign(r"[ \t][a-z] [a-z] [a-z] [a-z] "),
    Sign(r"^[a-z] [a-z] [a-z] [a-z] "),
    Sign(f"[a-z]{_GAP}[a-z]{_GAP}[a-z]{_GAP}[a-z]{_GAP}"),
    Sign(r"[a-z]\n[a-z]\n[a-z]\n[a-z]\n"),
    Sign(r"[a-z][^a-z0-9]{2,3}[a-z][^a-z0-9]{2,3}[a-z][^a-z0-9]{2,3}[a-z][^a-z0-9]{2,3}"),
)
# One gap, again and again: letter, gap, any character, the same gap …; four letters at least.
_LONG = re.compile(r"(?<![^\W_])([^\W_])([^\w]{1,3}|_)(?:(?:(?!\2)[^\n]|\s)\2){2,}\S(?![^\W_])")
_SHORT = re.compile(r"(?<![^\W_])[^\W_](?: [^\W_])+(?![^\W_])")


def undo(text: str) -> Reading | None:
    """Join letters that stand apart by one repeated gap."""
    if not _LONG.search(text):
        return None
    pieces = Pieces()
    done = 0
    for found in _LONG.finditer(text):
        _short(pieces, text, done, found.start())
        step = 1 + len(found[2])
        for place in range(found.start(), found.end(), step):
            pieces.add(text[place], place, place + 1)
        done = found.end()
    _short(pieces, text, done, len(text))
    return pieces.reading()


def _short(pieces: Pieces, text: str, start: int, end: int) -> None:
    """Join what is too short to be noticed by itself, such as `a l l`, where longer words stand apart, too."""
    for found in _SHORT.finditer(text, start, end):
        pieces.add(text[start : found.start()], start, found.start())
        for place in range(found.start(), found.end(), 2):
            pieces.add(text[place], place, place + 1)
        start = found.end()
    pieces.add(text[start:end], start, end)
