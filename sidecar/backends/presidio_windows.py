"""Where in a text a recognizer has to look: windows around the gate's factor, with exactly the findings of the whole text.

Why that is exact. Every match holds an occurrence of the factor, so it lies within the margin of one that was located
(an occurrence that overlaps a located one moves by less than its own length, hence the factor's span in the margin).
Where a pattern has no longest match, the window is the run of characters that a match may hold at all. Look-around
reads at most `reach` characters further, and these are in the window, too. Windows that touch are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
import regex

from sidecar.backends import factors
from sidecar.backends.presidio_gates import PatternGate
from sidecar.backends.widening import ASCII, Sequenced, alphabet

# A match that may be longer is followed by the run of its characters instead.
BOUNDED = 128
# A text up to this long is analysed as one; a longer one in pieces of about this size. Presidio's context search is
# quadratic in tokens and findings: 8 k characters keep it below a millisecond for each finding.
CHUNK = 8192
# What a piece sees of the text before it (context words) and after it (entities that begin before its end).
BEFORE = 2048
AFTER = 1024
# A piece ends where so many characters on either side hold no digit, if such a place is near.
_QUIET = re.compile(r"(?<!\d)[^\d\n]{24}\s(?=[^\d]{24})")


# From so many characters on, an expression is one of many words: 34 us for 1 KB with `re`, 55 us with `regex`; a short
# one takes 5 to 19 us with `re`, 1 to 5 us with `regex`.
LONG_ALTERNATIVE = 4096

# What finds factors: a pattern of `re` or of `regex`.
Locator: TypeAlias = Any


class Window(msgspec.Struct, frozen=True, gc=False):
    """A part of a text in code points."""

    start: int
    end: int


class Scope(msgspec.Struct, frozen=True):
    """How the windows of some patterns are found.

    Args:
        locate: finds the factors; None: the whole text is the window.
        margin: how far a match may reach from a factor; None: as far as the run of its characters.
        reach: how far look-around reads beyond a match.
        before: finds the last character before a place that no match may hold.
        after: finds the first such character.
    """

    locate: Locator | None = None
    margin: int | None = None
    reach: int = 0
    before: regex.Pattern[str] | None = None
    after: re.Pattern[str] | None = None

    def windows(self, text: str) -> Iterator[Window]:
        """Return the windows of a text, in order and apart from each other."""
        if self.locate is None:
            yield Window(0, len(text))
            return
        open_: Window | None = None
        for found in self.locate.finditer(text):
            if open_ is not None and self.margin is None and found.end() <= open_.end - self.reach:
                continue
            start, end = self._around(text, found.start(), found.end(), open_)
            if open_ is not None and start <= open_.end:
                open_ = Window(open_.start, max(open_.end, end))
                continue
            if open_ is not None:
                yield open_
            open_ = Window(start, end)
        if open_ is not None:
            yield open_

    def _around(self, text: str, start: int, end: int, open_: Window | None) -> tuple[int, int]:
        if self.margin is not None:
            start, end = start - self.margin, end + self.margin
        else:
            assert self.before is not None
            assert self.after is not None
            floor = open_.start if open_ is not None else 0
            left = self.before.search(text, floor, start)
            right = self.after.search(text, end)
            start, end = left.end() if left else floor, right.start() if right else len(text)
        return max(0, start - self.reach), min(len(text), end + self.reach)


WHOLE = Scope()


def scope_of(gates: Sequence[PatternGate]) -> Scope:
    """Return the scope of patterns that run together."""
    if any(gate.widened is None or gate.factor is None for gate in gates):
        return WHOLE
    widened = [gate.widened for gate in gates if gate.widened is not None]
    parts = [gate.factor for gate in gates if gate.factor is not None]
    reach = max(item.reach for item in widened)
    if reach > BOUNDED:
        return WHOLE
    locate = _locator("|".join(dict.fromkeys(factors.as_text(part) for part in parts)))
    width = max(item.width for item in widened)
    if width <= BOUNDED:
        span = max(factors.span(part) for part in parts)
        return Scope(locate, margin=int(width + span + 2 * reach), reach=int(reach))
    held = alphabet(Sequenced(tuple(item.node for item in widened)))
    if held.ascii == ASCII and held.high:
        return WHOLE
    return run_scope(locate, factors.text_set(held, negated=True), reach=int(reach))


def _locator(expression: str) -> Locator:
    """Compile what finds factors: `regex` looks for required characters first, `re` is faster at long alternatives."""
    return re.compile(expression) if len(expression) > LONG_ALTERNATIVE else regex.compile(expression)


def run_scope(locate: Locator, outside: str, *, reach: int) -> Scope:
    """Return a scope whose windows are runs of characters.

    Args:
        locate: finds what a run must hold.
        outside: the set of `re` for the characters that end a run.
        reach: how far look-around reads beyond a match.
    """
    return Scope(locate, None, reach, regex.compile(f"(?r){outside}"), re.compile(outside))


def chunks(text: str) -> Iterator[tuple[Window, Window]]:
    """Cut a long text into pieces.

    Returns:
        For each piece, what it sees of the text, and the part of it that is its own: a finding belongs to the piece
        in whose own part it begins.
    """
    start = 0
    while start < len(text):
        end = _cut(text, start + CHUNK) if start + CHUNK + AFTER < len(text) else len(text)
        yield Window(max(0, start - BEFORE), min(len(text), end + AFTER)), Window(start, end)
        start = end


def _cut(text: str, wanted: int) -> int:
    """Find a place near `wanted` that no entity is likely to cross: far from digits, else at white space."""
    quiet = max((found.end() for found in _QUIET.finditer(text, wanted - BEFORE, wanted)), default=None)
    if quiet is not None:
        return quiet
    space = max(text.rfind(" ", wanted - BEFORE, wanted), text.rfind("\n", wanted - BEFORE, wanted))
    return space + 1 if space > 0 else wanted
