"""Decodes bytes written as numbers: binary, octal and decimal, one number a byte."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.core.transforms.readable import readable
from sidecar.core.transforms.reading import Edit, Reading, Sign, collect

SIGNS = (
    Sign(r"[01]{7,8}[ ,\n]?[01]{7,8}[ ,\n]?[01]{7}"),
    Sign(r"[0-9]{2,3}[ ,\n]{1,2}[0-9]{2,3}[ ,\n]{1,2}[0-9]{2,3}[ ,\n]{1,2}[0-9]{2,3}[ ,\n]{1,2}[0-9]{2,3}[ ,\n]"),
    Sign("0o?1[0-7]{2}[ ,\n]{1,2}0o?[0-7]{2,3}[ ,\n]{1,2}0o?[0-7]{2,3}"),
)
_BINARY = re.compile(
    # No condition on what follows: one that failed would send the search back to every number of a long run.
    r"(?<!\w)(?:(?:0b)?[01]{8}[ ,\n]{0,2}){4,}+|(?<!\w)[01]{7}(?:[ ,\n]{1,2}[01]{7}){3,}+"
)
_NUMBERS = re.compile(r"(?<!\w)(?:0o?)?[0-9]{2,3}(?:[ ,;\n]{1,2}(?:0o?)?[0-9]{2,3}){4,}+")
_NUMBER = re.compile(r"[0-9]+")
_OCTET = re.compile(r"[01]{8}|[01]{7}")


def undo(text: str) -> Reading | None:
    """Collect the texts that runs of numbers hold."""
    return collect(sorted((*_binary(text), *_numbers(text))))


def _binary(text: str) -> Iterator[Edit]:
    for found in _BINARY.finditer(text):
        bits = found[0].replace("0b", "")
        decoded = readable(bytes(int(octet, 2) for octet in _OCTET.findall(bits)))
        if decoded is not None:
            yield found.start(), found.end(), decoded


def _numbers(text: str) -> Iterator[Edit]:
    for found in _NUMBERS.finditer(text):
        digits = _NUMBER.findall(found[0].replace("o", ""))
        decoded = _bytes(digits, 10) or _bytes(digits, 8)
        if decoded is not None:
            yield found.start(), found.end(), decoded


def _bytes(digits: list[str], base: int) -> str | None:
    if base == 8 and any(digit in number for number in digits for digit in "89"):
        return None
    values = [int(number, base) for number in digits]
    return readable(bytes(values)) if max(values) < 256 else None
