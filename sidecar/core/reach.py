"""Where in a text an expression can match: around the words that each of its matches holds, and nowhere else.

The scanner only says that a keyword is somewhere. An expression of bounded width whose every match holds one of a few
literals is searched around the places where these stand; the slow twin searches the whole text, and finds the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any  # the parse tree of `re` has no public types

import msgspec

# Wider matches are looked for in the whole text, as are those that look further behind their end.
_WIDEST = 4096
_LOOK_AHEAD = 64
# Literals that are looked for, at most, and letters in each of them; of those long enough, the fewest are best.
_LITERALS = 64
_SHORTEST, _LONG_ENOUGH = 3, 5
# Letters outside ASCII that `re` takes for ASCII ones where case does not matter, and `str.lower` does not.
_KIN = re.compile("[\u0130\u0131\u017f\u212a]")
# Flags of a part, `(?i:...)`: letters whose case matters here and not there are left alone.
_SCOPED = re.compile(r"\(\?[a-zA-Z]*-?[a-zA-Z]+:")
_REPEATS = (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT)

Window = tuple[int, int]
Strings = frozenset[str]


class Reach(msgspec.Struct, frozen=True):
    """What is known of every match of an expression.

    Args:
        literals: one of them stands in each match; in lower case where case does not matter.
        widest: code points of a match, at most.
    """

    literals: tuple[str, ...]
    widest: int


def windows(regex: re.Pattern[str], text: str, lowered: str, begin: int) -> list[Window]:
    """Return the parts of a text that hold every match, in order, disjoint.

    Args:
        regex: the expression.
        text: what is searched.
        lowered: the same in lower case.
        begin: nothing before it is of interest.
    """
    reach = reach_of(regex)
    caseless = bool(regex.flags & re.IGNORECASE)
    if reach is None or (caseless and (len(lowered) != len(text) or (not text.isascii() and _KIN.search(text)))):
        return [(begin, len(text))]
    found: list[Window] = []
    for start in _places(lowered if caseless else text, reach.literals, begin):
        first, last = max(begin, start - reach.widest), min(len(text), start + reach.widest + _LOOK_AHEAD)
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def search(regex: re.Pattern[str], text: str, within: Sequence[Window]) -> Iterator[re.Match[str]]:
    """Yield the matches inside of windows, in order."""
    for first, last in within:
        yield from regex.finditer(text, first, last)


def _places(text: str, literals: Sequence[str], begin: int) -> list[int]:
    """Return where literals begin, in order."""
    places: list[int] = []
    for literal in literals:
        start = text.find(literal, begin)
        while start >= 0:
            places.append(start)
            start = text.find(literal, start + 1)
    places.sort()
    return places


@lru_cache(maxsize=1 << 14)
def reach_of(regex: re.Pattern[str]) -> Reach | None:
    """Return what is known of every match of an expression; None where that is too little."""
    if _SCOPED.search(regex.pattern):
        return None
    tree = parser.parse(regex.pattern, regex.flags)
    widest = int(tree.getwidth()[1])
    if widest > _WIDEST or _look_ahead(tree) >= _LOOK_AHEAD:
        return None
    literals = _needed(tree, caseless=bool(regex.flags & re.IGNORECASE))
    if literals is None:
        return None
    # What holds another one is found with it.
    least = [one for one in literals if not any(other != one and other in one for other in literals)]
    return Reach(tuple(sorted(least)), widest)


def _look_ahead(tree: Any) -> int:
    """Return how far an expression may look behind the end of its match."""
    widest = 1
    for op, value in tree:
        if op in (constants.ASSERT, constants.ASSERT_NOT):
            widest = max(widest, int(value[1].getwidth()[1]) + _look_ahead(value[1]))
        else:
            widest = max([widest, *(_look_ahead(branch) for branch in _branches(op, value))])
    return widest


def _branches(op: Any, value: Any) -> Sequence[Any]:
    if op is constants.BRANCH:
        return tuple(value[1])
    if op is constants.SUBPATTERN:
        return (value[3],)
    if op in _REPEATS:
        return (value[2],)
    if op is constants.ATOMIC_GROUP:
        return (value,)
    return ()


def _needed(tree: Any, *, caseless: bool) -> Strings | None:
    """Return literals of which every match of a sequence holds one; None where none are good enough."""
    best: Strings | None = None
    run: Strings | None = frozenset({""})
    for op, value in tree:
        # Neighbours that stand for a few strings are read together: `pass(?:word|code)` is `password` or `passcode`.
        these = _strings(op, value, caseless=caseless)
        longer = _joined(run, these)
        run = longer if longer is not None else these if these is not None else frozenset({""})
        best = _better(best, run)
        if op is constants.SUBPATTERN or (op in _REPEATS and value[0] >= 1):
            best = _better(best, _needed(_branches(op, value)[0], caseless=caseless))
        elif op is constants.BRANCH:
            best = _better(best, _united([_needed(branch, caseless=caseless) for branch in value[1]]))
    return best


def _better(one: Strings | None, two: Strings | None) -> Strings | None:
    """Return the better one of two sets of literals: long ones, and few."""

    def worth(literals: Strings | None) -> tuple[int, int, int]:
        shortest = min(map(len, literals)) if literals and all(map(str.isascii, literals)) else 0
        return (min(shortest, _LONG_ENOUGH), -len(literals or ()), shortest) if shortest >= _SHORTEST else (0, 0, 0)

    best = max(one, two, key=worth)
    return best if worth(best)[0] else None


def _joined(left: Strings | None, right: Strings | None) -> Strings | None:
    if left is None or right is None or len(left) * len(right) > _LITERALS:
        return None
    return frozenset(one + two for one in left for two in right)


def _strings(op: Any, value: Any, *, caseless: bool) -> Strings | None:
    """Return the strings that an item stands for; None where they are too many or not known."""
    if op is constants.AT or op in (constants.ASSERT, constants.ASSERT_NOT):
        return frozenset({""})
    if op is constants.LITERAL:
        return frozenset({chr(value).lower() if caseless else chr(value)})
    if op is constants.IN:
        return _members(value, caseless=caseless)
    if op is constants.SUBPATTERN:
        return _sequence(value[3], caseless=caseless)
    if op is constants.BRANCH:
        return _united([_sequence(branch, caseless=caseless) for branch in value[1]])
    if op in _REPEATS and value[1] == 1:
        once = _sequence(value[2], caseless=caseless)
        return once if value[0] == 1 else _united([frozenset({""}), once])
    return None


def _members(items: Any, *, caseless: bool) -> Strings | None:
    if any(op is not constants.LITERAL for op, _ in items):
        return None
    return frozenset(chr(value).lower() if caseless else chr(value) for _, value in items)


def _united(alternatives: Sequence[Strings | None]) -> Strings | None:
    known = [strings for strings in alternatives if strings is not None]
    united = frozenset[str]().union(*known)
    return united if len(known) == len(alternatives) and len(united) <= _LITERALS else None


def _sequence(tree: Any, *, caseless: bool) -> Strings | None:
    run: Strings | None = frozenset({""})
    for op, value in tree:
        run = _joined(run, _strings(op, value, caseless=caseless)) if run is not None else None
    return run
