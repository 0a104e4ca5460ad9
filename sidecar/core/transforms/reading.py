"""What a transform returns: the text that it reads, and the way back to the text that it was given."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import cache

import msgspec

Locate = Callable[[int, int], tuple[int, int]]
Edit = tuple[int, int, str]


class Reading(msgspec.Struct, frozen=True):
    """A text as one transform reads it.

    Args:
        text: what came out.
        locate: maps a span of `text` to the span of the source that it stands for.
    """

    text: str
    locate: Locate

    def __repr__(self) -> str:
        """Show the length, never the text."""
        return f"Reading(length={len(self.text)})"


class Sign(msgspec.Struct, frozen=True):
    """An expression whose presence suggests a disguise; the scanner looks for it beside the rules."""

    expression: str
    literal: bool = False
    caseless: bool = True


class Pieces:
    """Lays pieces of text side by side and remembers which span of the source each one stands for."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._begins: list[int] = []
        self._spans: list[tuple[int, int, bool]] = []
        self._length = 0

    def add(self, text: str, start: int, end: int) -> None:
        """Append a piece; one as long as its span is taken to correspond to it code point by code point."""
        if text:
            self._texts.append(text)
            self._begins.append(self._length)
            self._spans.append((start, end, len(text) == end - start))
            self._length += len(text)

    def reading(self) -> Reading:
        """Return the text of all pieces with the way back."""
        return Reading("".join(self._texts), self._locate)

    def _locate(self, start: int, end: int) -> tuple[int, int]:
        if not self._begins:
            return 0, 0
        first, _ = self._place(min(start, self._length - 1))
        if end <= start:
            return first, first
        _, last = self._place(min(end, self._length) - 1)
        if first >= last:  # pieces may stand in another order than the source; a span then covers both
            first, last = self._place(end - 1)[0], self._place(start)[1]
        # A space that was put in stands for nothing; it leads to what follows.
        return first, max(last, first + 1)

    def _place(self, index: int) -> tuple[int, int]:
        number = bisect_right(self._begins, index) - 1
        start, end, exact = self._spans[number]
        if not exact:
            return start, end
        start += index - self._begins[number]
        return start, start + 1


def rewrite(source: str, edits: Iterable[Edit]) -> Reading | None:
    """Return a text with edits applied, in order and not overlapping; None where they change nothing."""
    pieces = Pieces()
    done = 0
    changed = False
    for start, end, text in edits:
        if source[start:end] == text:
            continue
        changed = True
        pieces.add(source[done:start], done, start)
        pieces.add(text, start, end)
        done = end
    if not changed:
        return None
    pieces.add(source[done:], done, len(source))
    return pieces.reading()


def substitute(pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], source: str) -> Reading | None:
    """Return a text with every match replaced; None where that changes nothing.

    The way back is worked out, the slow and obvious way, when it is first asked for.
    """
    text = pattern.sub(replace, source)
    if text == source:
        return None
    return lazily(text, lambda: _replace_each(pattern, replace, source))


def _replace_each(pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], source: str) -> Reading:
    edits = ((found.start(), found.end(), replace(found)) for found in pattern.finditer(source))
    return rewrite(source, edits) or in_place(source)


class WayBack:
    """A way back that is worked out when it is first asked for.

    Args:
        align: the slow twin of what made the text: the same text, piece by piece.
    """

    def __init__(self, align: Callable[[], Reading]) -> None:
        self.twin = cache(align)

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        """Map a span of the text to the span of the source."""
        return self.twin().locate(start, end)


def lazily(text: str, align: Callable[[], Reading]) -> Reading:
    """Return a text whose way back its slow twin knows."""
    return Reading(text, WayBack(align))


def collect(runs: Iterable[Edit], separator: str = " ") -> Reading | None:
    """Return decoded runs alone, without the text around them; None where there is no run."""
    pieces = Pieces()
    done: int | None = None
    for start, end, text in runs:
        if done is not None:
            pieces.add(separator, done, max(done, start))
        pieces.add(text, start, end)
        done = end
    return None if done is None else pieces.reading()


def in_place(text: str) -> Reading:
    """Return a text that corresponds to its source code point by code point."""
    return Reading(text, lambda start, end: (start, end))


def backwards(text: str, length: int) -> Reading:
    """Return a text whose code points stand in the opposite order of its source."""
    return Reading(text, lambda start, end: (length - end, length - start))


def then(first: Reading, second: Reading) -> Reading:
    """Return a reading of a reading, with the way back to the first source."""
    return Reading(second.text, lambda start, end: first.locate(*second.locate(start, end)))
