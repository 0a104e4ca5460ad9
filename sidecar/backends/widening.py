"""A Python pattern, read as a tree of byte sets that matches at least what the pattern matches.

Gates are built from it (`presidio_gates`), and windows (`presidio_windows`). Every step widens: look-around falls away,
a back-reference becomes what its group may hold, letters take every character that equals them when case is ignored,
and a character outside ASCII becomes a run of bytes outside ASCII. What cannot be read (a construct that only `regex`
knows) is `Untranslatable`, and its user is asked always.
"""

from __future__ import annotations

import importlib
import math
import re
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

# The parser has no public name; its tree is what `re` itself compiles.
_parser: Any = importlib.import_module("re._parser")
_constants: Any = importlib.import_module("re._constants")

ASCII = frozenset(range(128))
DIGITS = frozenset(b"0123456789")
WORD = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
HIGH = frozenset(range(128, 256))
# `re` and `regex` disagree about U+001C..U+001F: they count as space here, and as not-space, too.
_SEPARATORS = frozenset(b"\x1c\x1d\x1e\x1f")
_SPACES = frozenset(b" \t\n\r\x0b\x0c") | _SEPARATORS
_HIGH_SPACES = frozenset(
    "\x85\xa0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u3000".encode()
)
# The characters outside ASCII that equal an ASCII letter when case is ignored (all of them: a test goes through Unicode).
FOLDS = {"i": "\u0130\u0131", "k": "\u212a", "s": "\u017f"}
_FOLDS_OF = {ord(cased): characters for letter, characters in FOLDS.items() for cased in (letter, letter.upper())}
_FOLDING = frozenset(_FOLDS_OF)
_KNOWN_FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE | re.UNICODE
# Inline flags that only widen may stand anywhere; `re` wants them in front.
_INLINE_FLAGS = re.compile(r"(?<!\\)\(\?[imsu]+\)")
# What `regex` reads as approximate matching, `re` reads as plain text.
_APPROXIMATE = re.compile(r"\{[^}]*[ides][^}]*\}")


class Untranslatable(Exception):
    """The pattern uses something that is not read here; an answer, caught by the caller, not a failure."""


class Chars(msgspec.Struct, frozen=True, gc=False):
    """One character of a match.

    Args:
        ascii: the ASCII characters it may be.
        high: the bytes outside ASCII that the other characters are made of.
        width: bytes it may take.
        folds: the characters outside ASCII, where these few are all.
        digits: whether it may also be a decimal digit outside ASCII; a gate of its own watches for these.
    """

    ascii: frozenset[int]
    high: frozenset[int] = frozenset()
    width: int = 1
    folds: str = ""
    digits: bool = False


class Edge(msgspec.Struct, frozen=True, gc=False):
    """A word boundary."""


class Repeat(msgspec.Struct, frozen=True):
    """A node, `low` to `high` times; None: without end."""

    node: Node
    low: int
    high: int | None


class Sequenced(msgspec.Struct, frozen=True):
    """Nodes one after the other."""

    items: tuple[Node, ...] = ()


class Either(msgspec.Struct, frozen=True):
    """One of several."""

    branches: tuple[Sequenced, ...]


Node = Chars | Edge | Repeat | Sequenced | Either


class Widened(msgspec.Struct, frozen=True):
    """A pattern, widened.

    Args:
        node: matches at least what the pattern matches.
        width: code points of the longest match; infinite where there is no bound.
        reach: code points that look-around may read beyond a match, on either side.
        digits: whether a decimal digit outside ASCII can be part of a match without being in `node`.
    """

    node: Sequenced
    width: float
    reach: float
    digits: bool


def widen(pattern: str, flags: int) -> Widened:
    """Read a pattern of the module `regex`.

    Args:
        pattern: its source.
        flags: of `regex.compile`.

    Raises:
        Untranslatable: it uses what only `regex` knows, or flags that change the meaning of letters.
    """
    tree = _parse(pattern, flags)
    reader = _Reader()
    node = reader.sequence(list(tree), outermost=True)
    low, high = tree.getwidth()
    del low
    return Widened(node, _bounded(high), _reach(tree), reader.digits)


def readable(pattern: str, flags: int) -> str | None:
    """Return a pattern of the module `regex` as `re` reads it, inline flags aside; None where it cannot."""
    try:
        _parse(pattern, flags)
    except Untranslatable:
        return None
    return _INLINE_FLAGS.sub("", pattern)


def _parse(pattern: str, flags: int) -> Any:
    if flags & ~int(_KNOWN_FLAGS) or _APPROXIMATE.search(pattern):
        raise Untranslatable("flags or approximate matching")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return _parser.parse(_INLINE_FLAGS.sub("", pattern), flags | re.IGNORECASE | re.DOTALL)
        except (re.error, Warning, OverflowError, RecursionError) as error:
            raise Untranslatable(type(error).__name__) from None


def _bounded(width: int) -> float:
    return math.inf if width >= 100_000 else width


def _reach(tree: Any) -> float:
    """Tell how far look-around reads beyond what it stands next to."""
    reach: float = 0
    for operation, argument in tree:
        name = str(operation)
        if name == "AT":
            reach = max(reach, 1)
        elif name in ("ASSERT", "ASSERT_NOT"):
            reach = max(reach, _bounded(argument[1].getwidth()[1]) + _reach(argument[1]))
        elif name == "BRANCH":
            reach = max(reach, *(_reach(branch) for branch in argument[1]))
        elif name in ("SUBPATTERN", "MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            reach = max(reach, _reach(argument[-1]))
        elif name == "ATOMIC_GROUP":
            reach = max(reach, _reach(argument))
    return reach


class _Reader:
    """Turns the parser's tree into nodes; remembers groups for back-references."""

    def __init__(self) -> None:
        self.digits = False
        self._groups: dict[int, Sequenced] = {}

    def sequence(self, items: Sequence[Any], *, outermost: bool = False) -> Sequenced:
        nodes: list[Node] = []
        for index, (operation, argument) in enumerate(items):
            name = str(operation)
            if name == "ASSERT":
                # Look-behind in front, look-ahead at the end: the text around a match must hold it, so a gate may ask for it.
                ahead = argument[0] > 0
                if outermost and index == (len(items) - 1 if ahead else 0):
                    nodes += self.sequence(list(argument[1])).items
            elif name != "ASSERT_NOT":
                nodes += self._nodes(name, argument)
        return Sequenced(tuple(nodes))

    def _nodes(self, name: str, argument: Any) -> tuple[Node, ...]:
        match name:
            case "LITERAL":
                return (_literal(argument),)
            case "NOT_LITERAL":
                return (Chars(ASCII - {argument}, HIGH, 4),)
            case "ANY":
                return (Chars(ASCII, HIGH, 4),)
            case "IN":
                return (self._set(argument),)
            case "BRANCH":
                return (Either(tuple(self.sequence(list(branch)) for branch in argument[1])),)
            case "SUBPATTERN":
                return self._group(argument[0], argument[-1])
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                return self._repeat(*argument)
            case "ATOMIC_GROUP":
                return self.sequence(list(argument)).items
            case "GROUPREF" if argument in self._groups:
                return self._groups[argument].items
            case "AT":
                return (Edge(),) if str(argument) == "AT_BOUNDARY" else ()
            case _:
                raise Untranslatable(name)

    def _group(self, number: int | None, body: Any) -> tuple[Node, ...]:
        inner = self.sequence(list(body))
        if number is not None:
            self._groups[number] = inner
        return inner.items

    def _repeat(self, low: Any, high: Any, body: Any) -> tuple[Node, ...]:
        inner = self.sequence(list(body))
        limit = None if high is _constants.MAXREPEAT else int(high)
        if low == limit == 1:
            return inner.items
        return (Repeat(inner.items[0] if len(inner.items) == 1 else inner, int(low), limit),)

    def _set(self, items: Sequence[Any]) -> Chars:
        members: frozenset[int] = frozenset()
        high: frozenset[int] = frozenset()
        width, digits = 1, False
        negated = str(items[0][0]) == "NEGATE"
        for operation, argument in items[1:] if negated else items:
            if str(operation) == "CATEGORY":
                name = str(argument)
                more, bytes_, bytes_each = _CATEGORIES[name]
                # The complement of a widened set would be too narrow.
                members |= more - _SEPARATORS if negated else more
                digits |= name == "CATEGORY_DIGIT"
            else:
                first, last = (argument, argument) if str(operation) == "LITERAL" else argument
                members |= frozenset(range(first, min(last, 127) + 1))
                bytes_, bytes_each = (HIGH, 4) if last > 127 else (frozenset(), 1)
                if last > 127 and not negated:
                    members |= _FOLDING
            high |= bytes_
            width = max(width, bytes_each)
        if negated:
            return Chars(ASCII - members, HIGH, 4)
        self.digits |= digits
        return _fold(members, high, width, digits=digits)


_CATEGORIES: dict[str, tuple[frozenset[int], frozenset[int], int]] = {
    "CATEGORY_DIGIT": (DIGITS, frozenset(), 1),
    "CATEGORY_NOT_DIGIT": (ASCII - DIGITS, HIGH, 4),
    "CATEGORY_WORD": (WORD, HIGH, 4),
    "CATEGORY_NOT_WORD": (ASCII - WORD, HIGH, 4),
    "CATEGORY_SPACE": (_SPACES, _HIGH_SPACES, 3),
    "CATEGORY_NOT_SPACE": (ASCII - _SPACES | _SEPARATORS, HIGH, 4),
}


@cache
def _literal(code: int) -> Chars:
    # A character outside ASCII may equal k, s or i when case is ignored.
    return _fold(frozenset({code})) if code < 128 else Chars(_FOLDING, HIGH, 4)


def _fold(
    members: frozenset[int], high: frozenset[int] = frozenset(), width: int = 1, *, digits: bool = False
) -> Chars:
    cased = {ord(other) for code in members for other in (chr(code).lower(), chr(code).upper())}
    folds = "".join(sorted({fold for code in members for fold in _FOLDS_OF.get(code, "")}))
    fold_bytes = frozenset(folds.encode())
    longest = max((len(fold.encode()) for fold in folds), default=1)
    return Chars(members | cased, high | fold_bytes, max(width, longest), "" if high else folds, digits)


def alphabet(node: Node) -> Chars:
    """Return every character that a match of a node may hold, as one set."""
    match node:
        case Chars():
            return node
        case Edge():
            return Chars(frozenset())
        case Repeat():
            return alphabet(node.node)
        case Sequenced(items) | Either(items):
            sets = [alphabet(item) for item in items]
            exact = all(not part.high or part.folds for part in sets)
            return Chars(
                frozenset().union(*(part.ascii for part in sets)),
                frozenset().union(*(part.high for part in sets)),
                max((part.width for part in sets), default=1),
                "".join(sorted(set("".join(part.folds for part in sets)))) if exact else "",
                any(part.digits for part in sets),
            )
