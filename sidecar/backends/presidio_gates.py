"""From Presidio's recognizers to the gates that ask for them: a proven superset, cheap to compile and rare in text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from sidecar.backends import factors
from sidecar.backends.widening import Edge, Repeat, Sequenced, Untranslatable, Widened, alphabet, widen
from sidecar.core.scan import Gate

# With more distinct gates than this, those that hold many digits share one for all: bounded patterns without a literal
# are merged into one automaton, and merging 160 of them takes Hyperscan 8 s, 40 of them 0.7 s.
DISTINCT_LIMIT = 64
# The shared gates: so many digits in a row, with at most one character between two of them.
SHARED_DIGITS = (9, 7, 5)
# A telephone number may have as few digits as these without being listed one by one (`short_numbers`).
PHONE_DIGITS = 5

# The zeros of the decimal digits outside ASCII, each followed by its nine others (Unicode 17; a test asks `regex`).
FOREIGN_ZEROS = (
    0x660,
    0x6F0,
    0x7C0,
    0x966,
    0x9E6,
    0xA66,
    0xAE6,
    0xB66,
    0xBE6,
    0xC66,
    0xCE6,
    0xD66,
    0xDE6,
    0xE50,
    0xED0,
    0xF20,
    0x1040,
    0x1090,
    0x17E0,
    0x1810,
    0x1946,
    0x19D0,
    0x1A80,
    0x1A90,
    0x1B50,
    0x1BB0,
    0x1C40,
    0x1C50,
    0xA620,
    0xA8D0,
    0xA900,
    0xA9D0,
    0xA9F0,
    0xAA50,
    0xABF0,
    0xFF10,
    0x104A0,
    0x10D30,
    0x10D40,
    0x11066,
    0x110F0,
    0x11136,
    0x111D0,
    0x112F0,
    0x11450,
    0x114D0,
    0x11650,
    0x116C0,
    0x116D0,
    0x116DA,
    0x11730,
    0x118E0,
    0x11950,
    0x11BF0,
    0x11C50,
    0x11D50,
    0x11DA0,
    0x11DE0,
    0x11F50,
    0x16130,
    0x16A60,
    0x16AC0,
    0x16B50,
    0x16D70,
    0x1CCF0,
    0x1D7CE,
    0x1D7D8,
    0x1D7E2,
    0x1D7EC,
    0x1D7F6,
    0x1E140,
    0x1E2F0,
    0x1E4F0,
    0x1E5F1,
    0x1E950,
    0x1FBF0,
)

_ONE_CHARACTER = r"(?:[\x00-\x7f]|[\xc2-\xf4][\x80-\xbf]{1,3})"
ALWAYS = Gate(r"[\x00-\xff]", literal=False, caseless=False, bytewise=True)


class PatternGate(msgspec.Struct, frozen=True):
    """What is known about one pattern.

    Args:
        gate: fires in every text that the pattern matches, decimal digits outside ASCII aside.
        widened: the pattern as sets; None where it could not be read.
        factor: the part of it that `gate` looks for; None where it looks for anything.
    """

    gate: Gate
    widened: Widened | None = None
    factor: Sequenced | None = None

    @property
    def takes_foreign_digits(self) -> bool:
        """Whether a match may hold a decimal digit outside ASCII."""
        return self.widened is None or self.widened.digits


@lru_cache(maxsize=4096)
def gate_of(pattern: str, flags: int) -> PatternGate:
    """Return the gate of a pattern of the module `regex`."""
    try:
        widened = widen(pattern, flags)
    except Untranslatable:
        return PatternGate(ALWAYS)
    found = factors.factor(widened.node)
    if found is None:
        return PatternGate(ALWAYS, widened)
    return PatternGate(_bytewise(factors.as_bytes(found)), widened, found)


def shared(gates: Sequence[PatternGate]) -> list[Gate]:
    """Return the gate to compile for each pattern: its own, or a shared one where there are too many of their own."""
    if len({item.gate for item in gates}) <= DISTINCT_LIMIT:
        return [item.gate for item in gates]
    return [_shared_gate(item) or item.gate for item in gates]


def _shared_gate(item: PatternGate) -> Gate | None:
    if item.factor is None:
        return None
    held = factors.digit_count(item.factor)
    return next((digits_gate(count) for count in SHARED_DIGITS if held >= count), None)


def digits_gate(count: int, between: str = _ONE_CHARACTER + "?") -> Gate:
    """Return the gate for so many ASCII digits; `between` is what may stand between two of them."""
    return _bytewise(f"[0-9](?:{between}[0-9]){{{count - 1}}}")


@lru_cache(maxsize=1)
def foreign_digits_gate() -> Gate:
    r"""Return the gate for a decimal digit outside ASCII, which `\d` matches: rare, so it asks for whoever uses `\d`."""
    by_prefix: dict[bytes, list[int]] = {}
    for code in (zero + value for zero in FOREIGN_ZEROS for value in range(10)):
        *prefix, last = chr(code).encode()
        by_prefix.setdefault(bytes(prefix), []).append(last)
    return _bytewise("|".join(f"{_escaped(prefix)}[{_escaped(lasts)}]" for prefix, lasts in by_prefix.items()))


def phone_gates(punctuation: str, shortest: int, short_numbers: Iterable[str]) -> list[Gate]:
    """Return gates for telephone numbers.

    Args:
        punctuation: the inside of the library's set of characters that may stand between digits, up to four at a time.
        shortest: digits of the shortest valid number; below `PHONE_DIGITS`, shorter ones are in `short_numbers`.
        short_numbers: the valid numbers with fewer digits.
    """
    marks = widen(f"[{punctuation}]", 0).node.items[0]
    assert not isinstance(marks, Edge)
    between = factors.as_bytes(Sequenced((Repeat(marks, 0, 4),)))
    gates = [digits_gate(max(shortest, PHONE_DIGITS), between)]
    by_length: dict[int, list[str]] = {}
    for number in short_numbers:
        by_length.setdefault(len(number), []).append(number)
    # One set of digits for each place: 30 numbers one by one would double the time that all gates take to compile.
    gates += [
        _bytewise(between.join(f"[{''.join(sorted(set(digits)))}]" for digits in zip(*numbers, strict=True)))
        for _, numbers in sorted(by_length.items())
    ]
    return gates


def _bytewise(expression: str) -> Gate:
    return Gate(expression, literal=False, caseless=False, bytewise=True)


def _escaped(members: Iterable[int]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in members)


def phone_alphabet(pattern: Any) -> str:
    """Return the set of `re` for a character that cannot be in a telephone number as the library's pattern reads it."""
    chars = alphabet(widen(pattern.pattern, 0).node)
    return factors.text_set(chars, negated=True)
