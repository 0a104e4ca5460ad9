"""Character transforms, one code point in and a few out, run over a text at the price of what they change."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sidecar.core.transforms.reading import Pieces, Reading, lazily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Characters = Callable[[str], str]

# Where characters with compatibility forms, invisible ones and lookalikes live; ideographs, Hangul syllables and
# private use have none. Walking only these takes milliseconds at import.
INTERESTING = (
    range(0x80, 0x3400),
    range(0xA000, 0xAC00),
    range(0xD7B0, 0xD800),
    range(0xF900, 0x10000),
    range(0x10000, 0x11000),
    range(0x1BC00, 0x1BD00),
    range(0x1D000, 0x1D800),
    range(0x1DF00, 0x1E100),
    range(0x1EE00, 0x1F200),
    range(0x1FB00, 0x1FC00),
    range(0x2F800, 0x2FA20),
    range(0xE0000, 0xE1000),
)


def changes(transform: Characters) -> dict[int, str]:
    """Return what a transform does to each character that it changes."""
    return {point: new for span in INTERESTING for point in span if (new := transform(chr(point))) != chr(point)}


def runs_of(points: Iterable[int]) -> re.Pattern[str]:
    """Return an expression that matches runs of some characters."""
    return re.compile(f"[{character_class(points)}]+")


def character_class(points: Iterable[int]) -> str:
    """Return characters as ranges for the inside of a class in a regular expression."""
    ranges: list[list[int]] = []
    for point in sorted(points):
        if ranges and point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(
        f"{re.escape(chr(low))}-{re.escape(chr(high))}" if high > low else re.escape(chr(low)) for low, high in ranges
    )


def each(transform: Characters) -> Callable[[str], Reading | None]:
    """Make a transform of characters a transform of texts."""

    @cache
    def compiled() -> tuple[Mapping[int, str], re.Pattern[str]]:
        table = changes(transform)
        return table, runs_of(table)

    def undo(text: str) -> Reading | None:
        if text.isascii():
            return None
        table, runs = compiled()
        translated = runs.sub(lambda run: run[0].translate(table), text)
        return None if translated == text else lazily(translated, lambda: _align(text, table))

    return undo


def _align(text: str, table: Mapping[int, str]) -> Reading:
    """Apply a table the obvious way: one piece for each character."""
    pieces = Pieces()
    for place, character in enumerate(text):
        pieces.add(table.get(ord(character), character), place, place + 1)
    return pieces.reading()
