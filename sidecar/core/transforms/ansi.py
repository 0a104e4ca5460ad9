"""Drops terminal escapes (ECMA-48): colours, hidden text, cursor moves, hyperlinks."""

from __future__ import annotations

import re

from sidecar.core.transforms.reading import Reading, Sign, substitute

SIGNS = (Sign(r"\x1b", literal=False), Sign(r"\\(?:x1b|e|033)\["))
_ESCAPES = re.compile(
    r"(?:\x1b|\\x1[bB]|\\e|\\033)(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\\]{0,2048}(?:\x07|\x1b\\|\\x07)?)|\x1b[ -/]{0,8}[0-~]"
)


def undo(text: str) -> Reading | None:
    """Drop terminal escapes."""
    return substitute(_ESCAPES, lambda _: "", text)
