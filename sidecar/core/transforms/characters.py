"""Character transforms: one code point in, a few out, run over a text at the price of what they change."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from sidecar.core.transforms.reading import Pieces, Reading, lazily

# Where characters with compatibility forms, invisible ones and lookalikes live; ideographs, Hangul syllables and
# private use have none. Walking only these takes milliseconds at import.
INTERESTING = (
    range(0x80, 0x3400),
    range(0xA000, 0xAC00),
    range(0xD7B0, 0xD800),
    range(0xF900, 0x10000),
    range(0x10400, 0x10600),
    range(0x118A0, 0x11900),
    range(0x1BCA0, 0x1BCA4),
    range(0x1D100, 0x1D800),
    range(0x1DF00, 0x1E100),
    range(0x1E900, 0x1E944),
    range(0x1EE00, 0x1F200),
    range(0x1FBF0, 0x1FBFA),
    range(0x2F800, 0x2FA20),
    range(0xE0000, 0xE1000),
)
# So many different characters are replaced one after the other; more, run by run.
_FEW = 12


class Table(msgspec.Struct, frozen=True):
    """What a transform does to each character that it changes; what comes out of it, it leaves alone.

    Args:
        changes: by code point.
        touches: the same characters, as such.
        runs: matches runs of them, and of other characters outside the Basic Multilingual Plane.
    """

    changes: Mapping[int, str]
    touches: frozenset[str]
    runs: re.Pattern[str]

    def undo(self, text: str) -> Reading | None:
        """Apply the table to a text."""
        touched = self.touches.intersection(text)
        return self.among(text, touched) if touched else None

    def among(self, text: str, touched: Collection[str]) -> Reading | None:
        """Apply the table to a text.

        Args:
            text: the text.
            touched: the characters of `touches` that it may have.
        """
        if len(touched) <= _FEW:
            changed = text
            for character in touched:
                changed = changed.replace(character, self.changes[ord(character)])
        else:
            changed = self.runs.sub(lambda run: run[0].translate(self.changes), text)
        return lazily(changed, lambda: self.align(text)) if changed != text else None

    def align(self, text: str) -> Reading:
        """Apply the table the obvious way: one piece for each character."""
        pieces = Pieces()
        for place, character in enumerate(text):
            pieces.add(self.changes.get(ord(character), character), place, place + 1)
        return pieces.reading()


def table_of(transform: Callable[[str], str]) -> Table:
    """Make a table of a function from character to text."""
    return table({p: new for span in INTERESTING for p in span if (new := transform(chr(p))) != chr(p)})


def table(changes: Mapping[int, str]) -> Table:
    """Make a table of what is written for each code point."""
    return Table(changes, frozenset(map(chr, changes)), re.compile(f"[{character_class(changes)}]+"))


def character_class(points: Iterable[int]) -> str:
    """Return characters as ranges for the inside of a class in a regular expression.

    Beyond U+FFFF, where `re` compares range by range, one range stands for all.
    """
    ranges: list[list[int]] = []
    for point in sorted({min(point, 0x10000) for point in points}):
        if ranges and point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    if ranges and ranges[-1][1] == 0x10000:
        ranges[-1][1] = 0x10FFFF
    return "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in ranges)
