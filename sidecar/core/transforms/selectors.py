"""Decodes bytes smuggled in variation selectors: VS1 to VS256 behind any character stand for 0 to 255."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.core.transforms.readable import readable
from sidecar.core.transforms.reading import Edit, Reading, Sign, collect

_SELECTOR = "[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
SIGNS = (Sign(f"{_SELECTOR}{{4}}"), Sign("[\U000e0100-\U000e01ef]"))
_RUN = re.compile(f"{_SELECTOR}+")
# Emoji carry one selector each; four in all are no accident.
_FEWEST = 4


def undo(text: str) -> Reading | None:
    """Collect the text that variation selectors hold, whether in runs or one behind each character."""
    runs = [(found.start(), found.end(), found[0]) for found in _RUN.finditer(text)]
    data = bytes(_byte(selector) for _, _, run in runs for selector in run)
    decoded = readable(data) if len(data) >= _FEWEST else None
    if decoded is None:
        return collect(_each(runs))
    return collect([(runs[0][0], runs[-1][1], decoded)])


def _each(runs: list[tuple[int, int, str]]) -> Iterator[Edit]:
    for start, end, run in runs:
        decoded = readable(bytes(map(_byte, run))) if len(run) >= _FEWEST else None
        if decoded is not None:
            yield start, end, decoded


def _byte(selector: str) -> int:
    point = ord(selector)
    return point - 0xFE00 if point < 0xFE10 else point - 0xE0100 + 16
