"""Reads each word from its end, the words in their order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sidecar.core.transforms import reverse
from sidecar.core.transforms.reading import substitute

if TYPE_CHECKING:
    from sidecar.core.transforms.reading import Reading

SIGNS = reverse.SIGNS
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")


def undo(text: str) -> Reading | None:
    """Reverse every word."""
    return substitute(_WORD, lambda found: found[0][::-1], text)
