"""Drops control characters other than tab and line ends; vertical tabs and form feeds are spaces."""

from __future__ import annotations

import re

from sidecar.core.transforms.reading import Reading, Sign, substitute

SIGNS = (Sign(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"),)
_CONTROLS = re.compile(r"[\x0b\x0c]|[\x00-\x08\x0e-\x1f\x7f]+")


def undo(text: str) -> Reading | None:
    """Drop control characters."""
    return substitute(_CONTROLS, lambda found: " " if found[0] in "\x0b\x0c" else "", text)
