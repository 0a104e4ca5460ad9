"""Applies deletion characters: a backspace or DEL takes away the character before it, as a terminal shows it."""

from __future__ import annotations

import re

from sidecar.core.transforms.reading import Pieces, Reading, Sign

SIGNS = (Sign(r"[\x08\x7f]"),)
_DELETIONS = re.compile("[\x08\x7f]+")


def undo(text: str) -> Reading | None:
    """Take away what deletion characters delete, and themselves."""
    kept: list[tuple[int, int]] = []
    done = 0
    for found in _DELETIONS.finditer(text):
        if found.start() > done:
            kept.append((done, found.start()))
        _take(kept, found.end() - found.start())
        done = found.end()
    if not done:
        return None
    pieces = Pieces()
    for start, end in (*kept, (done, len(text))):
        pieces.add(text[start:end], start, end)
    return pieces.reading()


def _take(kept: list[tuple[int, int]], count: int) -> None:
    while count and kept:
        start, end = kept.pop()
        taken = min(count, end - start)
        count -= taken
        if end - taken > start:
            kept.append((start, end - taken))
