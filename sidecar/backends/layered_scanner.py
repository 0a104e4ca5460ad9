"""Three databases for the price of the cheapest: shapes that need a digit, or a letter beyond ASCII, wait for one.

Shapes of numbers (cards, telephones, addresses, dates) have no literal that Hyperscan could look for first, and cost more
than all other gates together; so do shapes of other scripts. Prose mostly holds no digit, and much of it is ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any  # the parse tree of `re` has no public types

from sidecar.backends.hyperscan_scanner import HyperscanScanner
from sidecar.core.scan import Gate

_DIGIT = Gate("[0-9]", literal=False, caseless=False)
_DIGITS = frozenset(range(ord("0"), ord("9") + 1))
_ASCII_END = 0x80
# Parsing thousands of expressions costs more than a start may take; without one of these none can be told apart:
# a class, an escaped class or character, a digit that is no repetition, a foreign character.
_MAY_WAIT = re.compile(r"\[|\\[dxuU]|[0-9](?![0-9,]*\})|[^\x00-\x7f]")


class LayeredScanner:
    """A `Scanner`: one pass over the gates that any text may fire, others only where they can.

    Args:
        gates: the expressions, in the order of their indexes.
        cache: a private folder for compiled databases; None compiles every time.

    Raises:
        ScannerError: an expression does not compile, or the engine fails its probe.
    """

    def __init__(self, gates: Sequence[Gate], cache: Path | None = None) -> None:
        layers: dict[str, list[int]] = {"any": [], "digit": [], "foreign": []}
        for index, gate in enumerate(gates):
            layers[layer_of(gate)].append(index)
        self._digit_seen = len(gates)

        def build(ids: list[int], *more: Gate) -> HyperscanScanner | None:
            chosen = [*(gates[index] for index in ids), *more]
            return HyperscanScanner(chosen, cache, [*ids, self._digit_seen]) if chosen else None

        front = build(layers["any"], _DIGIT)
        assert front is not None
        self._front = front
        self._digits = build(layers["digit"])
        self._foreign = build(layers["foreign"])

    def scan(self, text: str) -> list[int]:
        """Return the indexes of the gates that fire in `text`."""
        fired = self._front.scan(text)
        if self._foreign is not None and not text.isascii():
            fired += self._foreign.scan(text)
        if self._digit_seen in fired:
            fired.remove(self._digit_seen)
            if self._digits is not None:
                fired += self._digits.scan(text)
        return fired


def layer_of(gate: Gate) -> str:
    """Say what a gate cannot match without: `digit`, `foreign` (a character beyond ASCII), or `any` for nothing known.

    A literal costs nothing and stays in front, unless it is foreign. What Python cannot parse stays in front, too.
    """
    if gate.literal:
        return "any" if gate.expression.isascii() else "foreign"
    if gate.unicode or not _MAY_WAIT.search(gate.expression):
        return "any"  # with Unicode classes `\d` has other digits, and the caseless Kelvin sign is a k
    try:
        tree = parser.parse(gate.expression)
    except Exception:  # noqa: BLE001 - syntax of Hyperscan alone; the front takes the gate, which is never wrong
        return "any"
    if _needs(tree, _is_digits):
        return "digit"
    # Bytewise gates are about bytes, whose numbers are no characters.
    return "foreign" if not gate.bytewise and _needs(tree, _is_foreign) else "any"


Holds = Callable[[Any], bool]


def _needs(tree: Any, holds: Holds) -> bool:
    """Tell whether every match holds a character of some kind: a sequence if one item does, branches if all do."""
    for op, value in tree:
        if op is constants.LITERAL and holds([(op, value)]):
            return True
        if op is constants.IN and holds(value):
            return True
        if op in (constants.MAX_REPEAT, constants.MIN_REPEAT) and value[0] >= 1 and _needs(value[2], holds):
            return True
        if op is constants.SUBPATTERN and _needs(value[3], holds):
            return True
        if op is constants.BRANCH and all(_needs(branch, holds) for branch in value[1]):
            return True
    return False


def _is_digits(items: Any) -> bool:
    """Tell whether a character class holds ASCII digits and nothing else."""
    return all(
        (op is constants.LITERAL and value in _DIGITS)
        or (op is constants.RANGE and _DIGITS.issuperset(range(value[0], value[1] + 1)))
        or (op is constants.CATEGORY and value is constants.CATEGORY_DIGIT)
        for op, value in items
    )


def _is_foreign(items: Any) -> bool:
    """Tell whether a character class holds nothing of ASCII."""
    negated = any(op is constants.NEGATE for op, _ in items)
    if negated:
        return any(op is constants.RANGE and value[0] == 0 and value[1] >= _ASCII_END - 1 for op, value in items)
    return all(
        (op is constants.LITERAL and value >= _ASCII_END) or (op is constants.RANGE and value[0] >= _ASCII_END)
        for op, value in items
    )
