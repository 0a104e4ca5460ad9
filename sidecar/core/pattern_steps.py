"""One step of a pattern: which characters it takes, and what must stand before its match; read from `re`'s parse tree.

Everything that cannot be said exactly is said too widely: a test passes at least what the pattern would.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

_WORD = re.compile(r"\w")

Matches = Callable[[str], bool]
# What must hold where a match begins: given the character before (empty at the start of the text) and the first one.
Guard = Callable[[str, str], bool]

ATOMS = frozenset({"LITERAL", "NOT_LITERAL", "IN", "ANY"})
_CATEGORIES: dict[str, Matches] = {
    "CATEGORY_DIGIT": str.isdigit,
    "CATEGORY_NOT_DIGIT": lambda c: not c.isdecimal() or not c.isascii(),
    "CATEGORY_SPACE": lambda c: c.isspace() or c in "\x1c\x1d\x1e\x1f",
    "CATEGORY_NOT_SPACE": lambda c: not c.isspace() or not c.isascii(),
    "CATEGORY_WORD": lambda c: bool(_WORD.match(c)),
    "CATEGORY_NOT_WORD": lambda c: not _WORD.match(c) or not c.isascii(),
}


def base(character: str) -> str:
    """Return a letter without its accents, as transforms that fold them show it."""
    return unicodedata.normalize("NFKD", character)[:1].casefold()


def matcher(operation: str, argument: Any) -> Matches:
    """Return a test that passes at least the characters of one step of a pattern, in any case."""
    if operation == "ANY":
        return lambda _: True
    if operation == "LITERAL":
        variants = _variants(chr(argument))
        return lambda c: c in variants
    if operation == "NOT_LITERAL":
        return lambda c: c != chr(argument) or c.lower() != c.upper()
    negated = bool(argument) and str(argument[0][0]) == "NEGATE"
    tests = [_member(str(op), value) for op, value in argument if str(op) != "NEGATE"]
    if negated:
        # A letter is out only if both its cases are: without regard to case, a set may name one of them.
        return lambda c: not all(any(test(variant) for test in tests) for variant in (c.lower(), c.upper()))
    return lambda c: any(test(variant) for test in tests for variant in {c, c.lower(), c.upper()})


def _member(operation: str, value: Any) -> Matches:
    if operation == "LITERAL":
        variants = _variants(chr(value))
        return lambda c: c in variants
    if operation == "RANGE":
        low, high = value
        return lambda c: len(c) == 1 and low <= ord(c) <= high
    return _CATEGORIES.get(str(value), lambda _: True)


def _variants(character: str) -> frozenset[str]:
    """Return a character in every form in which a folded text may show it."""
    plain = unicodedata.normalize("NFKC", character).casefold()
    return frozenset({character, character.lower(), character.upper(), plain[:1]})


def is_run(inner: Sequence[Any]) -> bool:
    """Tell whether a repeat is a run of one kind of character that ends at a blank, as words and numbers do."""
    if len(inner) != 1 or str(inner[0][0]) not in ATOMS:
        return False
    return not matcher(str(inner[0][0]), inner[0][1])(" ")


def split_guards(items: list[Any]) -> tuple[list[Any], tuple[Guard, ...]]:
    """Take the conditions on what stands before a match from its front."""
    guards: list[Guard] = []
    while items:
        guard = _guard(str(items[0][0]), items[0][1])
        if guard is None:
            break
        guards.append(guard)
        items = items[1:]
    return items, tuple(guards)


def _is_word(character: str) -> bool:
    return bool(_WORD.match(character))


def _guard(operation: str, argument: Any) -> Guard | None:
    if operation == "AT":
        if str(argument) == "AT_BOUNDARY":
            # Beside letters outside ASCII, `re.ASCII` and Unicode disagree; then a match may begin.
            return lambda before, unit: not (before + unit).isascii() or _is_word(before) != _is_word(unit)
        return (lambda _before, _unit: True) if str(argument).startswith("AT_BEGIN") else None
    if operation in ("ASSERT", "ASSERT_NOT") and argument[0] < 0:
        inner = list(argument[1])
        if operation == "ASSERT_NOT" and len(inner) == 1 and str(inner[0][0]) in ATOMS:
            return _not_behind(_strict_matcher(str(inner[0][0]), inner[0][1]))
        return lambda _before, _unit: True
    return None


def _not_behind(matches: Matches) -> Guard:
    return lambda before, _unit: not before or not before.isascii() or not matches(before)


def _strict_matcher(operation: str, argument: Any) -> Matches:
    """Return a test that passes at most the characters of one step; `before` is folded, so both cases must pass."""
    if operation == "ANY":
        return lambda c: c != "\n"
    if operation == "LITERAL":
        return lambda c: c == chr(argument) and c.lower() == c.upper()
    if operation == "NOT_LITERAL":
        return lambda c: chr(argument) not in (c.lower(), c.upper())
    negated = str(argument[0][0]) == "NEGATE"
    tests = [_member(str(op), value) for op, value in argument if str(op) != "NEGATE"]

    def inside(c: str) -> bool:
        return all(any(test(variant) for test in tests) for variant in (c.lower(), c.upper()))

    def outside(c: str) -> bool:
        return not any(test(variant) for test in tests for variant in (c.lower(), c.upper()))

    return outside if negated else inside
