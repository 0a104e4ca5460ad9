"""Decodes base32 (RFC 4648), padded or not."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from sidecar.core.transforms.readable import readable
from sidecar.core.transforms.reading import Edit, Reading, Sign, collect

SIGNS = (Sign("[A-Z2-7]{24}", caseless=False),)
_RUN = re.compile("[A-Z2-7]{16,}={0,6}")
# A last group of these many letters holds whole bytes.
_WHOLE = (0, 2, 4, 5, 7)


def undo(text: str) -> Reading | None:
    """Collect the texts that base32 runs hold."""
    return collect(_runs(text))


def _runs(text: str) -> Iterator[Edit]:
    for found in _RUN.finditer(text):
        letters = found[0].rstrip("=")
        while len(letters) % 8 not in _WHOLE:
            letters = letters[:-1]
        decoded = readable(base64.b32decode(letters + "=" * (-len(letters) % 8)))
        if decoded is not None:
            yield found.start(), found.end(), decoded
