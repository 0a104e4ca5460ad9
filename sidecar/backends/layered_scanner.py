"""Several databases for the price of the cheapest: shapes that cannot match without something rare wait for it.

Shapes have no literal that Hyperscan could look for first, so each runs over every byte as an automaton of its own, and
a few dozen of them cost more than ten thousand literals. But a shape of a number needs a digit, a tag needs a `<`, base64 a
long run, and other scripts a letter beyond ASCII. The front database looks for these four; most prose has none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any  # the parse tree of `re` has no public types

import msgspec

from sidecar.backends.hyperscan_scanner import HyperscanScanner, encode
from sidecar.core.scan import Gate

_DIGITS = frozenset(b"0123456789")
# What prose goes without, of what shapes are made of; full stop, comma, quotes and round brackets are everywhere.
_CONTROLS = frozenset({*range(0x20), 0x7F}) - frozenset(b"\t\n\r")
_SYMBOLS = frozenset(b"&<>_*~|^`+\\=%#@{}[]$/-:") | _CONTROLS
# Letters of base64, of hexadecimal numbers and of tokens; hardly a word is as long.
_RUN_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-")
_RUN_LENGTH = 16
# Letters that a gate must hold to be found by them.
_WORD_LENGTH = 2
_ASCII_END = 0x80
# Parsing thousands of expressions costs more than a start may take; without one of these none can be told apart:
# a class, an escaped class or sign, a digit that is no repetition, a symbol that is no syntax, a foreign character.
_MAY_WAIT = re.compile(r"\[|\\[^bBwWsS]|[0-9](?![0-9,]*\})|[&<>_~`=%#@/:-]|[^\x00-\x7f]")


class Layer(msgspec.Struct, frozen=True):
    """Gates that wait for the same.

    Args:
        name: of the layer.
        front: the gate that they wait for.
        needs: whether no match of an expression, given as its parse tree, goes without.
    """

    name: str
    front: Gate
    needs: Callable[[Any], bool]


class LayeredScanner:
    """A `Scanner`: one pass over the gates that any text may fire, others only where they can.

    Shapes that wait for nothing have a database of their own: beside thousands of words each costs several times as much.

    Args:
        gates: the expressions, in the order of their indexes.
        cache: a private folder for compiled databases; None compiles every time.

    Raises:
        ScannerError: an expression does not compile, or the engine fails its probe.
    """

    def __init__(self, gates: Sequence[Gate], cache: Path | None = None) -> None:
        ids: dict[str, list[int]] = {
            name: [] for name in ("word", "shape", "foreign", *(item.name for item in _LAYERS))
        }
        for index, gate in enumerate(gates):
            ids[layer_of(gate)].append(index)
        waiting = [layer for layer in _LAYERS if ids[layer.name]]
        # What the layers wait for has the indexes after those of the gates.
        self._first_seen = len(gates)
        every = [*gates, *(layer.front for layer in waiting)]

        def build(chosen: Sequence[int]) -> HyperscanScanner | None:
            return HyperscanScanner([every[index] for index in chosen], cache, chosen) if chosen else None

        shapes = build([*ids["shape"], *range(len(gates), len(every))])
        self._always = [scanner for scanner in (shapes, build(ids["word"])) if scanner is not None]
        self._foreign = build(ids["foreign"])
        self._layers = [scanner for layer in waiting if (scanner := build(ids[layer.name])) is not None]

    def scan(self, text: str) -> list[int]:
        """Return the indexes of the gates that fire in `text`."""
        data = encode(text)
        fired: list[int] = []
        for scanner in self._always:
            scanner.collect(data, fired)
        first = self._first_seen
        if fired and max(fired) >= first:
            waiting = [self._layers[index - first] for index in fired if index >= first]
            fired = [index for index in fired if index < first]
            for layer in waiting:
                layer.collect(data, fired)
        if self._foreign is not None and not text.isascii():
            self._foreign.collect(data, fired)
        return fired


def layer_of(gate: Gate) -> str:
    """Say what a gate cannot match without.

    Returns:
        `run` (of letters as base64 has them), `digit`, `symbol`, `foreign` (a character beyond ASCII), `word` (letters
        that Hyperscan can look for first), or `shape` where none of these is needed.
    """
    if gate.literal:
        return "word" if gate.expression.isascii() else "foreign"
    if gate.unicode or not _MAY_WAIT.search(gate.expression):
        return "word"  # with Unicode classes `\d` has other digits, and the caseless Kelvin sign is a k
    try:
        tree = parser.parse(gate.expression)
    except Exception:  # noqa: BLE001 - syntax of Hyperscan alone; a gate that is looked for always is never wrong
        return "shape"
    # A gate about bytes, too, needs a character beyond ASCII where it needs a byte beyond it.
    if _needs(tree, _is_foreign):
        return "foreign"
    named = next((layer.name for layer in _LAYERS if layer.needs(tree)), None)
    return named or ("word" if _longest_run(tree, _is_letter)[0] >= _WORD_LENGTH else "shape")


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


def _longest_run(tree: Any, holds: Holds) -> tuple[int, bool]:
    """Return how long a run of characters of some kind every match holds, and whether it is nothing but such a run."""
    longest = current = 0
    is_whole = True
    for op, value in tree:
        length, is_run = _run_of(op, value, holds)
        current = current + length if is_run else 0
        longest = max(longest, length, current)
        is_whole = is_whole and is_run
    return longest, is_whole


def _run_of(op: Any, value: Any, holds: Holds) -> tuple[int, bool]:
    """Do for one item what `_longest_run` does for a sequence."""
    if op in (constants.LITERAL, constants.IN):
        held = holds([(op, value)] if op is constants.LITERAL else value)
        return int(held), held
    if op is constants.SUBPATTERN:
        return _longest_run(value[3], holds)
    if op in (constants.MAX_REPEAT, constants.MIN_REPEAT):
        length, is_run = _longest_run(value[2], holds)
        # Once is what there is at least, where something else stands between two turns.
        return length * (value[0] if is_run else min(value[0], 1)), is_run
    if op is constants.BRANCH:
        found = [_longest_run(branch, holds) for branch in value[1]]
        return min(length for length, _ in found), all(is_run for _, is_run in found)
    return 0, op is constants.AT


def _only(characters: frozenset[int]) -> Holds:
    """Return what tells whether a character class holds nothing but some characters."""

    def holds(items: Any) -> bool:
        return all(
            (op is constants.LITERAL and value in characters)
            or (op is constants.RANGE and characters.issuperset(range(value[0], value[1] + 1)))
            or (op is constants.CATEGORY and value is constants.CATEGORY_DIGIT and characters >= _DIGITS)
            for op, value in items
        )

    return holds


def _is_letter(items: Any) -> bool:
    """Tell whether a character class holds one letter, in one case or in both."""
    return len(items) <= 2 and all(op is constants.LITERAL for op, _ in items)


def _is_foreign(items: Any) -> bool:
    """Tell whether a character class holds nothing of ASCII."""
    negated = any(op is constants.NEGATE for op, _ in items)
    if negated:
        return any(op is constants.RANGE and value[0] == 0 and value[1] >= _ASCII_END - 1 for op, value in items)
    return all(
        (op is constants.LITERAL and value >= _ASCII_END) or (op is constants.RANGE and value[0] >= _ASCII_END)
        for op, value in items
    )


def _of(characters: frozenset[int], repeat: str = "") -> Gate:
    """Return the gate that fires where one of some characters stands, or a run of them."""
    spelled = "".join([f"\\x{code:02x}" for code in sorted(characters)])
    return Gate(f"[{spelled}]{repeat}", literal=False, caseless=False)


# A gate that could wait for several waits for the rarest, so the rarest stand first.
_LAYERS = (
    Layer(
        "run",
        _of(_RUN_LETTERS, f"{{{_RUN_LENGTH}}}"),
        lambda tree: _longest_run(tree, _only(_RUN_LETTERS))[0] >= _RUN_LENGTH,
    ),
    Layer("digit", _of(_DIGITS), lambda tree: _needs(tree, _only(_DIGITS))),
    Layer("symbol", _of(_SYMBOLS), lambda tree: _needs(tree, _only(_SYMBOLS))),
)
