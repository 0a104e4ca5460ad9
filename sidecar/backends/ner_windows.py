"""Long texts are read in windows that overlap, so that memory is bounded and no name is lost at an edge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sidecar.core.scan import Found

# spaCy keeps about 300 bytes for each token.
WINDOW = 20_000
# Windows share this much, so that a name at an edge is whole in one of them.
OVERLAP = 512


class Window(NamedTuple):
    """A stretch of a text; of two that overlap, each answers for its half."""

    number: int
    text: str
    offset: int
    first: int
    last: int

    def keep(self, spans: Sequence[Found]) -> Iterator[Found]:
        """Yield the findings that begin in the part this window answers for, in code points of the text."""
        for span in spans:
            if self.first <= span.start + self.offset < self.last:
                yield Found(span.entity, span.start + self.offset, span.end + self.offset, span.confidence)


def windows(number: int, text: str) -> Iterator[Window]:
    """Cut a text into windows; `number` tells the texts of a batch apart."""
    start = first = 0
    while len(text) - start > WINDOW:
        end = _cut(text, start + WINDOW)
        last = end - OVERLAP // 2
        yield Window(number, text[start:end], start, first, last)
        first = last
        start = _cut(text, end - OVERLAP, reach=OVERLAP // 4)
    yield Window(number, text[start:], start, first, len(text) + 1)


def _cut(text: str, near: int, *, reach: int = WINDOW // 8) -> int:
    """Return a place at or before `near` where a line begins, else a word, else `near`."""
    for mark in ("\n", " "):
        place = text.rfind(mark, near - reach, near)
        if place >= 0:
            return place + 1
    return near
