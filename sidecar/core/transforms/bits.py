"""Decodes bits smuggled in pairs of invisible characters: U+2062 and U+2064, U+200B and U+200C, and their like."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.core.transforms.readable import readable
from sidecar.core.transforms.reading import Edit, Reading, Sign, collect

_PAIRS = (("\u2062", "\u2064"), ("\u200b", "\u200c"), ("\u200c", "\u200d"), ("\u200b", "\u200d"), ("\u2061", "\u2062"))
_FEWEST = 16
SIGNS = (Sign("[\u2061\u2062\u2064]{8}"), Sign("[\u200b-\u200d]{16}"))
_RUN = re.compile(f"[\u2061\u2062\u2064\u200b-\u200d]{{{_FEWEST},}}")


def undo(text: str) -> Reading | None:
    """Collect the texts that runs of two invisible characters hold, most significant bit first."""
    return collect(_runs(text))


def _runs(text: str) -> Iterator[Edit]:
    for found in _RUN.finditer(text):
        decoded = next(filter(None, (_decode(found[0], *pair) for pair in _PAIRS)), None)
        if decoded is not None:
            yield found.start(), found.end(), decoded


def _decode(run: str, zero: str, one: str) -> str | None:
    for first, second in ((zero, one), (one, zero)):
        bits = "".join("0" if mark == first else "1" for mark in run if mark in (first, second))
        if len(bits) < _FEWEST or len(set(bits)) < 2 or len(bits) < 0.9 * len(run):
            continue
        whole = bits[: len(bits) // 8 * 8]
        decoded = readable(int(whole, 2).to_bytes(len(whole) // 8, "big"))
        if decoded is not None:
            return decoded
    return None
