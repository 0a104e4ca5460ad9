"""Edits of a plain text."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.model import Edit


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """Return a text with edits applied; they must be in order and must not overlap."""
    parts: list[str] = []
    done = 0
    for edit in edits:
        parts += (text[done : edit.start], edit.replacement)
        done = edit.end
    return "".join((*parts, text[done:]))
