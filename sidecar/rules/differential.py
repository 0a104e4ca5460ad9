"""Texts that hold what a gate looks for, in every disguise of place: does the fast scanner find what the slow one does?

Vectorscan 5.4.12 misses matches on some shapes only (a gap, then a short literal), so the cases vary gaps, alignment,
letter case and neighbours. Pure: whoever calls brings both scanners.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from sidecar.core.scan import Gate, Scanner
from sidecar.rules import regexes

_FILLER = string.ascii_letters + string.digits + "    .,;:-_/\n'\"()[]{}<>|=+*&%$#@!?~"
_FOREIGN = "éßжящ中文あ한عह\u200b😀"
_REPEATS_LIMIT = 6
_WIDTHS = (0, 1, 3, 7, 15, 20, 21, 22, 31, 32, 63, 64, 100, 300)


class Case(msgspec.Struct, frozen=True):
    """A text and the gates that were planted in it."""

    text: str
    gates: tuple[int, ...]


class Tally(msgspec.Struct, frozen=True):
    """What a run found.

    Args:
        cases: texts that were scanned.
        hits: planted gates that the slow scanner matches.
        missed: (gate, seed of the case) of those that the fast one did not report.
    """

    cases: int
    hits: int
    missed: tuple[tuple[int, int], ...]


def compare(
    gates: Sequence[Gate], fast: Scanner, matches: Callable[[int, str], bool], *, count: int, seed: int = 0
) -> Tally:
    """Scan generated texts with both.

    Args:
        gates: what the fast scanner was built from.
        fast: the scanner under test.
        matches: whether a gate matches a text, by the slow scanner.
        count: how many texts.
        seed: makes the run reproducible.
    """
    hits, missed = 0, []
    for number in range(seed, seed + count):
        case = make_case(gates, number)
        fired = frozenset(fast.scan(case.text))
        for gate in case.gates:
            if matches(gate, case.text):
                hits += 1
                if gate not in fired:
                    missed.append((gate, number))
    return Tally(count, hits, tuple(missed))


def make_case(gates: Sequence[Gate], seed: int) -> Case:
    """Make one text with one to three gates planted in it; every gate has its turn."""
    source = random.Random(seed)
    planted = [seed % len(gates), *(source.randrange(len(gates)) for _ in range(source.randrange(3)))]
    parts = [_filler(source)]
    for gate in planted:
        parts += (_plant(gates[gate], source), _filler(source))
    return Case("".join(parts), tuple(planted))


def _filler(source: random.Random) -> str:
    text = "".join(source.choices(_FILLER, k=source.choice(_WIDTHS)))
    return text + source.choice(_FOREIGN) if source.random() < 0.1 else text


def _plant(gate: Gate, source: random.Random) -> str:
    if gate.literal:
        text = gate.expression
    else:
        try:
            text = example(regexes.parse(gate.expression), source)
        except (re.error, OverflowError):
            text = gate.expression  # the dialect of the `regex` module; the slow scanner judges
    if gate.caseless and text.isascii():
        text = "".join(source.choice((char.lower(), char.upper())) for char in text)
    return text


def example(tree: regexes.Tree, source: random.Random) -> str:
    """Make a text that an expression probably matches; look-around and back-references are left to luck."""
    return "".join(_example_of(str(op), value, source) for op, value in tree)


def _example_of(op: str, value: Any, source: random.Random) -> str:
    if op == "LITERAL":
        return chr(value)
    if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        low, high = int(value[0]), int(min(value[1], int(value[0]) + _REPEATS_LIMIT))
        return "".join(example(list(value[2]), source) for _ in range(source.randint(low, high)))
    if op == "BRANCH":
        return example(list(source.choice(value[1])), source)
    if op in ("SUBPATTERN", "ATOMIC_GROUP"):
        return example(list(value[3] if op == "SUBPATTERN" else value), source)
    if op in ("AT", "ASSERT", "ASSERT_NOT", "GROUPREF", "GROUPREF_EXISTS"):
        return ""
    return source.choice(sorted(regexes.characters(op, value, folded=False)))
