"""Reads runs that a right-to-left override shows from their end (UAX #9)."""

from __future__ import annotations

import re

from sidecar.core.transforms.reading import Reading, Sign, substitute

SIGNS = (Sign("\u202e", literal=True),)
_OVERRIDDEN = re.compile("\u202e([^\u202c\u2029\n]+)\u202c?")


def undo(text: str) -> Reading | None:
    """Reverse what stands under a right-to-left override."""
    return substitute(_OVERRIDDEN, lambda found: found[1][::-1], text)
